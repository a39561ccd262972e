// SPDX-License-Identifier: MIT
// The property of page_info.hpp: whatever guests do, counts and types agree with what holds references, no frame is a
// page table and writable at once, and a destroyed world leaves nothing.
#include <random>

#include "core/mm/page_alloc.hpp"
#include "model/hypercalls.hpp"

#include <gtest/gtest.h>

namespace {
void run_random(unsigned seed, std::uint64_t operations, unsigned audit_every, model::Tally& tally) {
    std::mt19937 random{seed};
    std::vector<std::uint8_t> bytes(operations * model::bytes_per_operation);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    model::Stage stage;
    ASSERT_NO_THROW(model::run(stage, bytes, audit_every, tally));
    stage.world.machine().preempt_after = 0;
    EXPECT_EQ(stage.world.mismatches(), 0u);
    stage.world.destroy(stage.first);
    stage.world.destroy(stage.second);
    EXPECT_EQ(stage.world.mismatches(), 0u);
}
}  // namespace

TEST(PageModel, RandomOperationsKeepEveryCount) {
    model::Tally tally;
    for (unsigned seed = 1; seed <= 60; ++seed) run_random(seed, 4000, 64, tally);
    EXPECT_GE(tally.operations, 200'000u);
    EXPECT_GE(tally.succeeded * 5, tally.operations) << "too many operations are refused to mean much";
    std::printf("%llu operations, %llu succeeded\n", static_cast<unsigned long long>(tally.operations),
                static_cast<unsigned long long>(tally.succeeded));
}

TEST(PageModel, AuditAfterEveryOperation) {
    model::Tally tally;
    for (unsigned seed = 1001; seed <= 1005; ++seed) run_random(seed, 2000, 1, tally);
}

TEST(HypercallModel, RandomSequencesKeepEveryCountAndLeaveNothing) {
    model::Tally tally;
    for (unsigned seed = 1; seed <= 100; ++seed) {
        std::mt19937 random{seed};
        std::vector<std::uint8_t> bytes(300 * model::bytes_per_call);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        ASSERT_NO_THROW(model::run_hypercalls(bytes, 64, tally)) << "seed " << seed;
    }
    std::printf("%llu calls, %llu succeeded\n", static_cast<unsigned long long>(tally.operations),
                static_cast<unsigned long long>(tally.succeeded));
    EXPECT_GE(tally.succeeded * 10, tally.operations);
}

// SPDX-License-Identifier: MIT
// Random operations of two guests on a handful of frames, decoded from bytes: the same driver serves the property test
// and libFuzzer. After them every count must be what recomputing it from all tables, roots and grants gives.
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "hosted/world.hpp"

namespace model {
struct Tally {
    std::uint64_t operations = 0;
    std::uint64_t succeeded = 0;
};

inline constexpr std::size_t bytes_per_operation = 8;

struct GrantMapping {
    std::uint32_t handle;
    hv::Mfn frame;
};

// A world with dom0 and two guests of two vCPUs, whose frames the operations work on. Preempted operations stay
// unfinished while other vCPUs act.
struct Stage {
    hosted::World world;
    hosted::Guest& first;
    hosted::Guest& second;
    std::array<std::array<GrantMapping, 8>, 2> mappings{};  // by guest and place
    Stage();
    void finish();  // what is still unfinished
};
// The playground is reached through the guest's first root: an active vCPU that switched to another goes back. Its
// hypercalls could not: their arguments lie in the playground too.
void return_to_playground(hosted::Guest& guest);
// Runs one operation per 8 bytes and audits after every `audit_every` of them. Throws on a mismatch, or
// when a CPU still remembers a translation that its guest must not have any more.
void run(Stage& stage, std::span<std::uint8_t const> bytes, unsigned audit_every, Tally& tally);
}  // namespace model

// SPDX-License-Identifier: MIT
// The model without a framework: model_run SEEDS OPERATIONS. Exits with 1, and says why, when an invariant breaks. For
// planted_bugs.py, which links it with a hypervisor that has one.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <vector>

#include "model/operations.hpp"

namespace {
// At once: the world is broken, and its end would only hide the reason.
[[noreturn]] void give_up() {
    std::fflush(stdout);
    std::_Exit(1);
}
}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    unsigned long const seeds = std::strtoul(argv[1], nullptr, 10);
    std::vector<std::uint8_t> bytes(std::strtoul(argv[2], nullptr, 10) * model::bytes_per_operation);
    for (unsigned long seed = 1; seed <= seeds; ++seed) {
        std::mt19937 random{static_cast<unsigned>(seed)};
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        model::Stage stage;
        model::Tally tally;
        try {
            model::run(stage, bytes, 4, tally);
        } catch (std::exception const& error) {
            std::printf("seed %lu: %s\n", seed, error.what());
            give_up();
        } catch (hosted::Panic const& panic) {
            std::printf("seed %lu: %s\n", seed, panic.reason.c_str());
            give_up();
        }
    }
    return 0;
}

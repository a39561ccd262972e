// SPDX-License-Identifier: MIT
// The random waits on the machine: linked into the chaos build only.
#include <array>
#include "base/log.hpp"
#include "machine.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"

namespace hv::chaos {
namespace {
constinit std::array<u64, max_cpus> states{};  // 0: not started

// Not on the stacks of an NMI, a debug exception or a broken machine, which are below it.
bool on_main_stack() { return (cpu::frame_pointer() & window::stack_mask) >= window::main_stack_page * page_size; }
}  // namespace

void start(u64 seed) {
    log::info("chaos: random waits at atomic steps, seed {}", seed);
    for (u64 cpu = 0; seed && cpu < max_cpus; ++cpu) states[cpu] = (seed + cpu * 0x9e37'79b9'7f4a'7c15) | 1;
}

u64* generator() {
    CpuBlock& cpu = this_cpu();
    u64& state = states[cpu.id];
    return state && !cpu.panicking && on_main_stack() ? &state : nullptr;
}

void pause(u32 rounds) {
    for (u32 round = 0; round < rounds; ++round) cpu::pause();
}
}  // namespace hv::chaos

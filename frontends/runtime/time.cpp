// SPDX-License-Identifier: MIT
#include "runtime/time.hpp"

#include "runtime/event.hpp"
#include "runtime/shutdown.hpp"

namespace guest {
namespace {
// time = system_time + (elapsed cycles, shifted) * tsc_to_system_mul / 2^32
u64 scale(u64 cycles, u32 multiplier, int shift) {
    u64 shifted = shift < 0 ? cycles >> -shift : cycles << shift;
    return static_cast<u64>(static_cast<unsigned __int128>(shifted) * multiplier >> 32);
}
}  // namespace

u64 time::cycles() {
    u32 low, high;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return u64{high} << 32 | low;
}

u64 time::now() {
    abi::VcpuTimeInfo volatile& info = vcpu_info().time;
    for (;;) {
        u32 version = info.version;
        asm volatile("" ::: "memory");
        u64 elapsed = cycles() - info.tsc_timestamp;
        u64 result = info.system_time + scale(elapsed, info.tsc_to_system_mul, info.tsc_shift);
        asm volatile("" ::: "memory");
        if ((version & 1) == 0 && version == info.version) { return result; }
    }
}

void time::sleep_until(u64 deadline) {
    while (now() < deadline) {
        abi::SchedPoll poll{.ports = {0}, .nr_ports = 0, .pad = 0, .timeout = deadline};
        if (sched_op(abi::schedop::poll, &poll) != 0) { panic("SCHEDOP_poll was refused"); }
    }
}
}  // namespace guest

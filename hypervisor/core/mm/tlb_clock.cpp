// SPDX-License-Identifier: MIT
#include "core/mm/tlb_clock.hpp"
#include "core/hal/cpu.hpp"

namespace hv::tlb {
constinit std::atomic<u64> clock{1};
constinit std::array<std::atomic<u64>, max_cpus> last_flush{};

namespace {
// The latest clock value with these low bits that is not in the future. An old stamp may look newer than it is, which
// costs a flush and never saves one that is needed.
u64 widen(u32 stamp) {
    u64 now = clock.load(std::memory_order_acquire);
    u64 wide = (now & ~u64{0xffff'ffff}) | stamp;
    return wide > now ? wide - (u64{1} << 32) : wide;
}
}  // namespace

bool flush_stale(u32 stamp, CpuMask const& cpus) {
    u64 const then = widen(stamp);
    CpuMask stale;
    bool any = false;
    cpus.for_each([&](u32 cpu) {
        if (last_flush[cpu].load(std::memory_order_acquire) > then) return;
        stale.set(cpu);
        any = true;
    });
    if (any) hal::flush_tlb(stale);
    return any;
}

bool flush_stale_everywhere(u32 stamp) {
    u64 const then = widen(stamp);
    u32 const cpus = hal::online_cpus();
    CpuId cpu = 0;
    while (cpu < cpus && last_flush[cpu].load(std::memory_order_acquire) > then) ++cpu;
    if (cpu == cpus) return false;  // the usual case
    CpuMask all;
    for (cpu = 0; cpu < cpus; ++cpu) all.set(cpu);
    return flush_stale(stamp, all);
}
}  // namespace hv::tlb

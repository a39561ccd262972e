// SPDX-License-Identifier: MIT
// A vCPU's clock as the hypervisor describes it, and where the readings of several clocks meet.
#pragma once
#include <atomic>

#include "public/shared_info.hpp"
#include "runtime/time.hpp"

namespace clocks {
using guest::u32;
using guest::u64;

class Clock {
public:
    explicit Clock(abi::VcpuTimeInfo volatile& info) : info_{info} {}

    // By the version protocol (xen.h): odd while it is written, another one when it has been.
    u64 read() const {
        for (;;) {
            u32 const version = info_.version;
            std::atomic_signal_fence(std::memory_order_seq_cst);
            u64 const cycles = guest::time::cycles() - info_.tsc_timestamp;
            u64 const shifted = info_.tsc_shift < 0 ? cycles >> -info_.tsc_shift : cycles << info_.tsc_shift;
            u64 const elapsed =
                static_cast<u64>(static_cast<unsigned __int128>(shifted) * info_.tsc_to_system_mul >> 32);
            u64 const time = info_.system_time + elapsed;
            std::atomic_signal_fence(std::memory_order_seq_cst);
            if ((version & 1) == 0 && version == info_.version) { return time; }
        }
    }

private:
    abi::VcpuTimeInfo volatile& info_;
};

struct Meeting {
    std::atomic<u64> latest;
    std::atomic<u64> visits, backward, furthest;

    void visit(Clock const& clock) {
        u64 seen = latest.load();
        u64 const now = clock.read();
        visits.fetch_add(1, std::memory_order_relaxed);
        if (now < seen) {
            ++backward;
            for (u64 most = furthest; seen - now > most && !furthest.compare_exchange_weak(most, seen - now);) {}
        }
        while (seen < now && !latest.compare_exchange_weak(seen, now)) {}
    }
};
}  // namespace clocks

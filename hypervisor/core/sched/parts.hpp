// SPDX-License-Identifier: MIT
// What a domain and a vCPU are to the scheduler.
#pragma once
#include <array>
#include "base/bitmap.hpp"
#include "core/sched/timer.hpp"
#include "public/vcpu.hpp"

namespace hv {
struct Vcpu;

// Why a vCPU is not runnable; it runs when all are clear and no pause count is held on it or its domain.
struct PauseReason {
    static constexpr u32 down = 1u << 0;       // VCPUOP_down, or never brought up
    static constexpr u32 blocked = 1u << 1;    // SCHEDOP_block
    static constexpr u32 polling = 1u << 2;    // SCHEDOP_poll
    static constexpr u32 shut_down = 1u << 3;  // its domain has shut down
    static constexpr u32 capped = 1u << 4;     // its domain has used what its cap allows in this period
};
}  // namespace hv

namespace hv::sched {
struct VcpuPart {
    std::atomic<CpuId> cpu{0};         // whose run queue it belongs to
    std::atomic<bool> running{false};  // loaded on `cpu` right now
    bool queued = false;
    Vcpu* queue_next = nullptr;
    Vcpu* queue_prev = nullptr;
    u64 virtual_time = 0;       // run time scaled by weight: the least goes first
    CpuMask hard_affinity;      // where it may run
    CpuMask soft_affinity;      // where it would like to
    CpuMask unpinned_affinity;  // the hard one that comes back after SCHEDOP_pin_override
    bool pinned = false;
    std::atomic<u32> pause_reasons{PauseReason::down};
    std::atomic<u32> pause_count{0};
    abi::VcpuRunstateInfo runstate{};
};

struct Watchdog {  // SCHEDOP_watchdog
    Timer timer{};
    std::atomic<bool> in_use{false};
};

struct DomainPart {
    std::atomic<u32> pause_count{0};  // all vCPUs; one is held by the toolstack for a new domain
    u32 scheduler_weight = 256;
    u32 scheduler_cap = 0;           // percent of a CPU; 0: none
    std::atomic<i64> cap_budget{0};  // run time left in this period, or owed; core/sched/run_queue.cpp
    std::atomic<bool> cap_is_timed{false};
    Timer cap_timer{};  // the next period
    std::array<Watchdog, 2> watchdogs{};
};
}  // namespace hv::sched

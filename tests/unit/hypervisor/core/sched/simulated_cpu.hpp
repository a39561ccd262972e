// SPDX-License-Identifier: MIT
// One CPU that does what x86/entry does around the scheduler, with a clock that tests move.
#pragma once
#include <functional>
#include <utility>

#include "core/sched/scheduler.hpp"
#include "core/sched/timer.hpp"
#include "core/time/guest_time.hpp"
#include "hosted/world.hpp"

namespace hosted {
class SimulatedCpu {
public:
    explicit SimulatedCpu(World& world, CpuId id = 0) : machine_{world.machine()}, id_{id} {}
    SimulatedCpu(SimulatedCpu const&) = delete;
    // The CPU is idle afterwards: nothing of the world stays on it.
    ~SimulatedCpu() {
        for (Vcpu* vcpu = &settle(); !vcpu->is_idle(); vcpu = &settle()) sched::set_reason(*vcpu, PauseReason::blocked);
    }

    // Everything that waits to be done; returns who runs then.
    Vcpu& settle() {
        enter();
        run_expired_timers();
        while (sched::need_resched(id_)) {
            Vcpu& next = sched::pick_next(id_);
            if (&next == current_) continue;
            Vcpu& previous = current_ ? *current_ : sched::idle_vcpu(id_);
            current_ = &next;
            machine_.current = &next;
            if (&previous == &next) continue;
            if (while_switching) std::exchange(while_switching, nullptr)();
            sched::switched_out(previous);
            sched::switched_in(next);
            if (!next.is_idle()) guest_time::switched_in(next);
        }
        Vcpu& running = current_ ? *current_ : sched::idle_vcpu(id_);
        machine_.current = nullptr;
        return running;
    }

    // Done once, when the next vCPU is chosen and the one before it not saved yet.
    std::function<void()> while_switching;

    // Lets time pass, stopping at each deadline as the timer interrupt would.
    void run_for(Time duration) {
        Time const end = machine_.time + duration;
        while (machine_.time < end) {
            settle();
            enter();
            machine_.time = std::min(end, std::max(machine_.deadline, machine_.time + 1));
        }
        settle();
    }

private:
    void enter() {
        machine_.cpu = id_;
        machine_.current = current_;
    }

    Machine& machine_;
    CpuId id_;
    Vcpu* current_ = nullptr;
};

// Moves the vCPU to one CPU for good.
inline void pin_to(Vcpu& vcpu, CpuId cpu) {
    CpuMask mask;
    mask.set(cpu);
    (void)sched::set_affinity(vcpu, mask, mask);
}
}  // namespace hosted

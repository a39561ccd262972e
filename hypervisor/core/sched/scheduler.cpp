// SPDX-License-Identifier: MIT
// A vCPU is in at most one place: the current one of a CPU, queued there, or waiting for a reason to go. Whoever
// removes the last reason queues it; the decision is made under the lock of its CPU's queue, so a wake-up that races
// with going to sleep finds the vCPU either still current (and pick_next sees that it can go on) or gone (and queues
// it).
#include "core/sched/scheduler.hpp"
#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/mm/heap.hpp"
#include "core/sched/run_queue.hpp"

namespace hv::sched {
namespace {
constinit std::array<RunQueue, max_cpus> queues{};
constinit CpuMask idle_cpus{};
constinit std::atomic<u32> next_home{0};

// Storage for the boot CPU's idle vCPU, which exists before there is memory to allocate.
alignas(Vcpu) constinit std::array<std::byte, sizeof(Vcpu)> boot_idle_storage{};

void slice_is_over(void* queue) { static_cast<RunQueue*>(queue)->resched.store(true, std::memory_order_relaxed); }

// The queue of a vCPU's CPU, locked; the vCPU cannot change its CPU meanwhile.
class HomeQueue {
public:
    explicit HomeQueue(Vcpu& vcpu) {
        for (;;) {
            cpu_ = vcpu.cpu.load(std::memory_order_acquire);  // whoever moved it had the lock of another queue
            queues[cpu_].lock.lock();
            if (vcpu.cpu.load(std::memory_order_acquire) == cpu_) return;
            queues[cpu_].lock.unlock();
        }
    }
    HomeQueue(HomeQueue const&) = delete;
    ~HomeQueue() { queues[cpu_].lock.unlock(); }
    RunQueue& operator*() const { return queues[cpu_]; }
    RunQueue* operator->() const { return &queues[cpu_]; }
    CpuId cpu() const { return cpu_; }

private:
    CpuId cpu_ = 0;
};

// Ends the time in the present state, for the guest (steal time) and for dom0's tools. Under the lock of its queue.
void enter_runstate(Vcpu& vcpu, u32 state, Time now) {
    abi::VcpuRunstateInfo& info = vcpu.runstate;
    if (info.state == state) return;
    if (now > info.state_entry_time) info.time[info.state] += now - info.state_entry_time;
    info.state = state;
    info.state_entry_time = now;
}

u32 waiting_state(Vcpu const& vcpu) {
    u32 const reasons = vcpu.pause_reasons.load(std::memory_order_relaxed);
    if (vcpu.pause_count.load(std::memory_order_relaxed) || vcpu.domain->pause_count.load(std::memory_order_relaxed) ||
        (reasons & (PauseReason::down | PauseReason::shut_down)))
        return abi::runstate::offline;
    return reasons & ~PauseReason::capped ? abi::runstate::blocked : abi::runstate::runnable;
}

std::optional<CpuId> idle_cpu_for(Vcpu const& vcpu, CpuId home) {
    std::optional<CpuId> idle;
    if (vcpu.hard_affinity.test(home) && idle_cpus.test(home)) idle = home;
    if (idle && vcpu.soft_affinity.test(home)) return home;
    idle_cpus.for_each([&](CpuId cpu) {
        if (vcpu.hard_affinity.test(cpu) && (!idle || vcpu.soft_affinity.test(cpu))) idle = cpu;
    });
    return idle;
}

// Where a vCPU that is about to be queued should go: an idle CPU rather than a busy one.
CpuId best_cpu(Vcpu const& vcpu, CpuId home) {
    if (!idle_cpus.empty())
        if (std::optional<CpuId> const idle = idle_cpu_for(vcpu, home)) return *idle;
    if (vcpu.hard_affinity.test(home)) return home;
    for (CpuId cpu = 0; cpu < hal::online_cpus(); ++cpu)
        if (vcpu.hard_affinity.test(cpu)) return cpu;
    return home;
}

void move_claim(Vcpu& vcpu, CpuId to) {
    if (idle_cpus.test(to)) queues[to].place_on_idle(vcpu);
    else carry_over(vcpu, queues[to]);
}

// A vCPU waits in its queue, whose lock is held; a CPU that has become idle may take it from there.
void offer_to_idle_cpu(Vcpu const& vcpu, CpuId home) {
    CpuId const better = best_cpu(vcpu, home);
    if (better != home) request_resched(better);
}

// Brings queue and runstate in line with the reasons to wait.
void settle(Vcpu& vcpu) {
    bool moved = false;
    for (;;) {
        HomeQueue home{vcpu};
        bool const runnable = is_runnable(vcpu);
        if (home->current == &vcpu) {
            if (!runnable || !vcpu.hard_affinity.test(home.cpu())) request_resched(home.cpu());
            return;
        }
        if (vcpu.queued && (!runnable || !vcpu.hard_affinity.test(home.cpu()))) home->erase(vcpu);
        if (!vcpu.running.load(std::memory_order_acquire)) enter_runstate(vcpu, waiting_state(vcpu), hal::now());
        if (!runnable || vcpu.queued) return;
        if (!moved && !vcpu.running.load(std::memory_order_acquire)) {
            CpuId const better = best_cpu(vcpu, home.cpu());
            if (better != home.cpu()) {
                move_claim(vcpu, better);
                vcpu.cpu.store(better, std::memory_order_release);
                moved = true;
                continue;
            }
        }
        if (idle_cpus.test(home.cpu())) home->place_on_idle(vcpu);
        home->charge_current(hal::now());  // so that it is compared with what the current one has used by now
        home->insert_woken(vcpu);
        request_resched(home.cpu());
        offer_to_idle_cpu(vcpu, home.cpu());
        return;
    }
}

// Takes a vCPU that waits for a busier CPU, with less virtual time than `below`, into the queue of `thief`.
bool steal_for(CpuId thief, u64 below) {
    for (CpuId victim = 0; victim < hal::online_cpus(); ++victim) {
        RunQueue& queue = queues[victim];
        if (victim == thief || queue.waiting.load(std::memory_order_relaxed) == 0) continue;
        BothGuard locks{queues[thief].lock, thief + 1, queue.lock, victim + 1};
        for (Vcpu* vcpu = queue.first(); vcpu && vcpu->virtual_time < below; vcpu = vcpu->queue_next) {
            // One whose state is still being saved on the victim must not be loaded elsewhere.
            if (vcpu->running.load(std::memory_order_acquire) || !vcpu->hard_affinity.test(thief)) continue;
            queue.erase(*vcpu);
            move_claim(*vcpu, thief);
            vcpu->cpu.store(thief, std::memory_order_release);
            queues[thief].insert(*vcpu);
            return true;
        }
    }
    return false;
}

// A CPU that has made others wait tells the one that is furthest ahead of the first of them, if there is one that may
// run it: so all CPUs together share as one queue would.
void ask_for_help(CpuId cpu, CpuMask const& allowed, u64 virtual_time) {
    std::optional<CpuId> helper;
    u64 furthest = virtual_time + slice / 2;
    for (CpuId other = 0; other < hal::online_cpus(); ++other) {
        if (other == cpu || !allowed.test(other)) continue;
        SpinGuard guard{queues[other].lock};
        queues[other].charge_current(hal::now());
        Vcpu const* const current = queues[other].current;
        if (!current || current->is_idle() || current->virtual_time <= furthest) continue;
        furthest = current->virtual_time;
        helper = other;
    }
    if (!helper) return;
    queues[*helper].pull.store(true, std::memory_order_relaxed);
    request_resched(*helper);
}

void pull_waiting(CpuId cpu) {
    RunQueue& queue = queues[cpu];
    u64 below = 0;
    {
        SpinGuard guard{queue.lock};
        queue.charge_current(hal::now());
        if (queue.current && !queue.current->is_idle()) below = queue.current->virtual_time;
    }
    if (below > slice / 2) (void)steal_for(cpu, below - slice / 2);
}

Vcpu* take_first(RunQueue& queue, Time now) {
    while (Vcpu* vcpu = queue.first()) {
        queue.erase(*vcpu);
        if (is_runnable(*vcpu) && !hold_if_spent(*vcpu, now)) return vcpu;
    }
    return nullptr;
}

Vcpu& start_run(CpuId cpu, Vcpu& next, Time now) {
    RunQueue& queue = queues[cpu];
    if (next.is_idle()) {
        idle_cpus.set(cpu);
    } else {
        idle_cpus.clear(cpu);
        next.running.store(true, std::memory_order_relaxed);
        if (queue.first() || next.domain->scheduler_cap) queue.slice_timer.arm(now + within_cap(next, slice), cpu);
    }
    queue.begin_run(next, now);
    return next;
}
}  // namespace

bool is_runnable(Vcpu const& vcpu) {
    return vcpu.pause_reasons.load(std::memory_order_seq_cst) == 0 &&
           vcpu.pause_count.load(std::memory_order_seq_cst) == 0 &&
           vcpu.domain->pause_count.load(std::memory_order_seq_cst) == 0;
}

void add(Vcpu& vcpu) {
    u32 const cpus = hal::online_cpus();
    for (CpuId cpu = 0; cpu < max_cpus; ++cpu) {
        vcpu.hard_affinity.set(cpu);
        vcpu.soft_affinity.set(cpu);
    }
    vcpu.cpu.store(next_home.fetch_add(1, std::memory_order_relaxed) % cpus, std::memory_order_relaxed);
    vcpu.runstate.state = abi::runstate::offline;
    vcpu.runstate.state_entry_time = hal::now();
}

void remove(Vcpu& vcpu) {
    {
        HomeQueue home{vcpu};
        if (vcpu.queued) home->erase(vcpu);
        ASSERT(home->current != &vcpu);
    }
    vcpu.singleshot_timer.end();
    vcpu.periodic_timer.end();
    vcpu.poll_timer.end();
}

void set_reason(Vcpu& vcpu, u32 reason) {
    vcpu.pause_reasons.fetch_or(reason, std::memory_order_seq_cst);
    settle(vcpu);
}

void clear_reason(Vcpu& vcpu, u32 reason) {
    if (vcpu.pause_reasons.fetch_and(~reason, std::memory_order_seq_cst) & reason) settle(vcpu);
}

void wake(Vcpu& vcpu) {
    constexpr u32 sleeping = PauseReason::blocked | PauseReason::polling;
    if (vcpu.pause_reasons.load(std::memory_order_seq_cst) & sleeping) {
        clear_reason(vcpu, sleeping);
        return;
    }
    CpuId const cpu = vcpu.cpu.load(std::memory_order_relaxed);
    if (cpu != hal::this_cpu() && vcpu.running.load(std::memory_order_relaxed)) hal::kick(cpu);
}

void send_nmi(Vcpu& vcpu) {
    if (vcpu.nmi_pending.exchange(true, std::memory_order_seq_cst)) return;  // who has set it has also seen to the rest
    wake(vcpu);
    if (&vcpu == &hal::current()) hal::kick(hal::this_cpu());
}

void reconsider(Vcpu& vcpu) { settle(vcpu); }

void yield(Vcpu& vcpu) {
    RunQueue& queue = queues[hal::this_cpu()];
    if (queue.waiting.load(std::memory_order_relaxed) == 0) return;
    SpinGuard guard{queue.lock};
    if (queue.current != &vcpu || !queue.first()) return;
    queue.charge_current(hal::now());
    queue.yield_current();
    request_resched(hal::this_cpu());
}

Result<> set_affinity(Vcpu& vcpu, CpuMask const& hard, CpuMask const& soft) {
    {
        HomeQueue home{vcpu};
        if (vcpu.pinned) return Errno::busy;
        vcpu.hard_affinity = hard;
        vcpu.soft_affinity = soft;
    }
    settle(vcpu);
    return {};
}

Result<> pin(Vcpu& vcpu, CpuId cpu) {
    CpuMask only;
    only.set(cpu);
    {
        HomeQueue home{vcpu};
        if (vcpu.pinned && !vcpu.hard_affinity.test(cpu)) return Errno::busy;
        if (!std::exchange(vcpu.pinned, true)) vcpu.unpinned_affinity = vcpu.hard_affinity;
        vcpu.hard_affinity = only;
    }
    settle(vcpu);
    return {};
}

Result<> unpin(Vcpu& vcpu) {
    {
        HomeQueue home{vcpu};
        if (!std::exchange(vcpu.pinned, false)) return Errno::inval;
        vcpu.hard_affinity = vcpu.unpinned_affinity;
    }
    settle(vcpu);
    return {};
}

bool need_resched(CpuId cpu) { return queues[cpu].resched.load(std::memory_order_relaxed); }

void request_resched(CpuId cpu) {
    queues[cpu].resched.store(true, std::memory_order_seq_cst);
    hal::kick(cpu);
}

Vcpu& pick_next(CpuId cpu) {
    RunQueue& queue = queues[cpu];
    // Before the state is looked at: a change that we miss asks again.
    queue.resched.exchange(false, std::memory_order_seq_cst);
    follow_remote_timers();
    Vcpu& idle = idle_vcpu(cpu);
    if (queue.pull.load(std::memory_order_relaxed) && queue.pull.exchange(false)) pull_waiting(cpu);
    Vcpu* next = nullptr;
    CpuMask waiting_allowed;
    u64 waiting_since = 0;
    {
        SpinGuard guard{queue.lock};
        Time const now = hal::now();
        if (!queue.current) queue.current = &idle;
        Vcpu& current = *queue.current;
        queue.charge_current(now);
        if (!current.is_idle() && is_runnable(current) && current.hard_affinity.test(cpu) &&
            !hold_if_spent(current, now)) {
            Vcpu* const rival = queue.first();
            Time const remaining = rival ? queue.remaining_run(*rival, now) : slice;
            if (remaining) {
                if (rival || current.domain->scheduler_cap)
                    queue.slice_timer.arm(now + within_cap(current, remaining), cpu);
                return current;
            }
            queue.insert(current);
        }
        next = take_first(queue, now);
        start_run(cpu, next ? *next : idle, now);  // if idle: nobody takes us for busy while we look around
        if (next && (!queue.first() || now < queue.balanced + slice / 2)) return *next;
        if (next) {
            queue.balanced = now;
            waiting_allowed = queue.first()->hard_affinity;
            waiting_since = queue.first()->virtual_time;
        }
    }
    if (next) {
        ask_for_help(cpu, waiting_allowed, waiting_since);
        return *next;
    }
    if (!steal_for(cpu, ~u64{0})) return idle;
    SpinGuard guard{queue.lock};
    next = take_first(queue, hal::now());
    return next ? start_run(cpu, *next, hal::now()) : idle;
}

void switched_in(Vcpu& vcpu) {
    HomeQueue home{vcpu};
    enter_runstate(vcpu, abi::runstate::running, hal::now());
}

// With `running` cleared and the lock given back, another CPU may run the vCPU, or free it.
void switched_out(Vcpu& vcpu) {
    std::optional<DomainRef> banned;
    {
        HomeQueue home{vcpu};
        u32 const state = vcpu.is_idle() ? abi::runstate::runnable : waiting_state(vcpu);
        enter_runstate(vcpu, state, hal::now());
        if (vcpu.is_idle()) return;
        // It may have become runnable, or been banned from this CPU, while it was neither current nor saved.
        if (!vcpu.hard_affinity.test(home.cpu())) {
            banned.emplace(*vcpu.domain);
        } else if (!vcpu.queued && is_runnable(vcpu)) {
            home->insert_woken(vcpu);
            request_resched(home.cpu());
        }
        vcpu.running.store(false, std::memory_order_release);
        if (vcpu.queued) offer_to_idle_cpu(vcpu, home.cpu());
    }
    if (banned) settle(vcpu);
}

Vcpu& idle_vcpu(CpuId cpu) {
    RunQueue& queue = queues[cpu];
    if (queue.idle) [[likely]]
        return *queue.idle;
    std::byte* const storage = cpu == 0 ? boot_idle_storage.data() : alloc_heap(order_of<Vcpu>);
    if (!storage) panic("no memory for the idle vCPU of a CPU");
    Vcpu* const idle = std::construct_at(reinterpret_cast<Vcpu*>(storage));
    idle->id = VcpuId{cpu};
    idle->cpu.store(cpu, std::memory_order_relaxed);
    idle->pause_reasons.store(0, std::memory_order_relaxed);
    queue.slice_timer.calls(slice_is_over, &queue);
    queue.idle = idle;
    if (!queue.current) queue.current = idle;
    return *idle;
}

void start_cpu(CpuId cpu) {
    RunQueue& queue = queues[cpu];
    std::destroy_at(&queue);
    std::construct_at(&queue);
    idle_cpus.clear(cpu);
    start_timers(cpu);
}

void charge(Vcpu& vcpu) {
    HomeQueue home{vcpu};
    if (home->current == &vcpu) home->charge_current(hal::now());
}

abi::VcpuRunstateInfo runstate_of(Vcpu& vcpu) {
    HomeQueue home{vcpu};
    abi::VcpuRunstateInfo info = vcpu.runstate;
    u64 const now = hal::now();  // maybe of a clock behind that of the CPU where the state was entered
    if (now > info.state_entry_time) info.time[info.state] += now - info.state_entry_time;
    return info;
}
}  // namespace hv::sched

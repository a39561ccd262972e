// SPDX-License-Identifier: MIT
#include "core/time/guest_time.hpp"
#include <algorithm>
#include <array>
#include <memory>
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/event/virq.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/mm/guest_area.hpp"
#include "core/sched/scheduler.hpp"
#include "public/event_channel.hpp"
#include "public/mmu.hpp"

namespace hv::guest_time {
namespace {
constexpr Time second = 1'000'000'000;

// A reading of both clocks of one CPU, taken once a second so that drift between them stays small.
struct Reading {
    u64 tsc = 0;
    Time time = 0;
    bool taken = false;
    Timer tick{};
};
constinit std::array<Reading, max_cpus> readings{};
constinit Spinlock<LockRank::wall_clock> wall_clock_lock{};

// Of one and the same moment, and exact: vCPUs that compare their clocks would see the difference, if only of a
// rounding.
void take(Reading& reading) {
    reading.tsc = hal::latest_whole_tsc();
    reading.time = hal::time_at(reading.tsc);
    reading.taken = true;
}

void report_new_log_lines() {
    static constinit u64 seen = 0;  // CPU 0 only
    u64 const end = log::read_ring(~u64{0}, {}).next_index;
    if (end != seen) send_global_virq(abi::virq::con_ring);
    seen = end;
}

void refresh(Vcpu& vcpu);

void second_has_passed(void* owner) {
    Reading& reading = *static_cast<Reading*>(owner);
    take(reading);
    reading.tick.arm(hal::now() + second, hal::this_cpu());
    if (Vcpu& vcpu = hal::current(); !vcpu.is_idle()) refresh(vcpu);
    if (hal::this_cpu() == 0) {
        log::refill_guest_budget();
        report_new_log_lines();
    }
}

Reading const& reading_of_this_cpu() {
    Reading& reading = readings[hal::this_cpu()];
    if (!reading.taken) [[unlikely]] {
        take(reading);
        reading.tick.calls(second_has_passed, &reading);
        reading.tick.arm(hal::now() + second, hal::this_cpu());
    }
    return reading;
}

abi::VcpuTimeInfo contents(Reading const& reading) {
    hal::TscScale const scale = hal::tsc_scale();
    abi::VcpuTimeInfo info{};
    info.tsc_timestamp = reading.tsc;
    info.system_time = reading.time;
    info.tsc_to_system_mul = scale.multiplier;
    info.tsc_shift = scale.shift;
    info.flags = hal::tsc_is_stable() ? abi::pvclock_tsc_stable : u8{0};
    return info;
}

template <class T>
void put(T& field, T value) {
    __atomic_store_n(&field, value, __ATOMIC_RELAXED);
}

// The guest's version may be anything; what counts is that it is odd while fields change and different afterwards.
void write_protected(abi::VcpuTimeInfo& to, abi::VcpuTimeInfo const& from) {
    u32 const version = __atomic_load_n(&to.version, __ATOMIC_RELAXED) | 1;
    put(to.version, version);
    std::atomic_thread_fence(std::memory_order_release);
    put(to.tsc_timestamp, from.tsc_timestamp);
    put(to.system_time, from.system_time);
    put(to.tsc_to_system_mul, from.tsc_to_system_mul);
    put(to.tsc_shift, from.tsc_shift);
    put(to.flags, from.flags);
    std::atomic_thread_fence(std::memory_order_release);
    put(to.version, version + 1);
}

void write_second_copy(Vcpu& vcpu, abi::VcpuTimeInfo info) {
    Result<GuestArea> area = GuestArea::open(vcpu, vcpu.time_area, sizeof(info));
    if (!area) return;
    info.version = __atomic_load_n(&vcpu.info->time.version, __ATOMIC_RELAXED) | 1;
    area->store(0, &info.version, sizeof(info.version));
    std::atomic_thread_fence(std::memory_order_release);
    area->store(0, &info, sizeof(info));
    std::atomic_thread_fence(std::memory_order_release);
    info.version += 1;
    area->store(0, &info.version, sizeof(info.version));
}

void write_time(Vcpu& vcpu, Reading const& reading) {
    abi::VcpuTimeInfo const info = contents(reading);
    write_protected(vcpu.info->time, info);
    if (vcpu.time_area) write_second_copy(vcpu, info);
}

// Up to date with this CPU's latest reading.
void refresh(Vcpu& vcpu) {
    Reading const& reading = reading_of_this_cpu();
    abi::SharedInfo* const shared = vcpu.domain->shared_info;
    // A page that the builder has just cleared.
    if (shared && __atomic_load_n(&shared->wc_version, __ATOMIC_RELAXED) == 0) [[unlikely]]
        write_wall_clock(*vcpu.domain);
    if (vcpu.info && __atomic_load_n(&vcpu.info->time.tsc_timestamp, __ATOMIC_RELAXED) != reading.tsc)
        write_time(vcpu, reading);
}

// --- the three timers of a vCPU. An expired guest timer is an event (VIRQ_TIMER), so it is not lost while it waits.
Vcpu& vcpu_of(void* owner) { return *static_cast<Vcpu*>(owner); }

void singleshot_expired(void* owner) { send_virq(vcpu_of(owner), abi::virq::timer); }

void periodic_expired(void* owner) {
    Vcpu& vcpu = vcpu_of(owner);
    send_virq(vcpu, abi::virq::timer);
    u64 const period = __atomic_load_n(&vcpu.periodic_ns, __ATOMIC_RELAXED);
    // A late tick does not make the next ones come in a burst.
    if (period) vcpu.periodic_timer.arm(std::max(vcpu.periodic_timer.deadline + period, hal::now()), hal::this_cpu());
}

void poll_expired(void* owner) { sched::clear_reason(vcpu_of(owner), PauseReason::polling); }
}  // namespace

void prepare_timers(Vcpu& vcpu) {
    vcpu.singleshot_timer.calls(singleshot_expired, &vcpu);
    vcpu.periodic_timer.calls(periodic_expired, &vcpu);
    vcpu.poll_timer.calls(poll_expired, &vcpu);
}

void start(CpuId cpu) {
    std::destroy_at(&readings[cpu]);
    std::construct_at(&readings[cpu]);
}

void write_runstate_area(Vcpu& vcpu) {
    if (!vcpu.runstate_area) return;
    // The entry is found by its address at each write, as the guest may map something else there meanwhile.
    Result<GuestArea> area = GuestArea::open(vcpu, vcpu.runstate_area, sizeof(abi::VcpuRunstateInfo));
    if (!area) return;
    abi::VcpuRunstateInfo info = vcpu.runstate;  // of a running vCPU: nobody else changes it
    constexpr usize entry_time_offset = offsetof(abi::VcpuRunstateInfo, state_entry_time);
    if (!(vcpu.domain->vm_assist >> abi::vmassist::runstate_update_flag & 1)) {
        area->store(0, &info, sizeof(info));
        return;
    }
    // Other vCPUs of the guest read the copy: the flag tells them to try again (vcpu.h).
    u64 const entry_time = info.state_entry_time;
    info.state_entry_time |= abi::runstate::update;
    area->store(entry_time_offset, &info.state_entry_time, sizeof(u64));
    std::atomic_thread_fence(std::memory_order_release);
    area->store(0, &info, sizeof(info));
    std::atomic_thread_fence(std::memory_order_release);
    area->store(entry_time_offset, &entry_time, sizeof(u64));
}

void switched_in(Vcpu& vcpu) {
    refresh(vcpu);
    write_runstate_area(vcpu);
}

void initialise(Vcpu& vcpu) {
    if (vcpu.info) write_time(vcpu, reading_of_this_cpu());
}

void write_wall_clock(Domain& domain) {
    // Of a domain that another CPU may be destroying: the reference keeps the page.
    Result<PageRef> const page = get_page(domain.shared_info_mfn, domain.id);
    abi::SharedInfo* const shared = domain.shared_info;
    if (!page || !shared) return;
    SpinGuard guard{wall_clock_lock};
    u64 const start = hal::wall_clock_at_start();
    u64 const seconds = start / second + static_cast<u64>(domain.wall_clock_offset);
    u32 const version = __atomic_load_n(&shared->wc_version, __ATOMIC_RELAXED) | 1;
    put(shared->wc_version, version);
    std::atomic_thread_fence(std::memory_order_release);
    put(shared->wc_sec, static_cast<u32>(seconds));
    put(shared->wc_sec_hi, static_cast<u32>(seconds >> 32));
    put(shared->wc_nsec, static_cast<u32>(start % second));
    std::atomic_thread_fence(std::memory_order_release);
    put(shared->wc_version, version + 1);
}

void write_all_wall_clocks() {
    for (u32 id = 0; id < abi::first_reserved_domid;) {
        Result<DomainRef> domain = find_domain_from(Domid{static_cast<u16>(id)});
        if (!domain) return;
        write_wall_clock(**domain);
        id = u32{(*domain)->id.value} + 1;
    }
}
}  // namespace hv::guest_time

// SPDX-License-Identifier: MIT
// The vcpu_op hypercall: bringing vCPUs of the own domain up and down, their timers, and where they want their data.
#include <cstring>
#include "core/event/virq.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/time.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/mm/heap.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/vcpu_context.hpp"
#include "core/sched/scheduler.hpp"
#include "core/time/guest_time.hpp"
#include "public/event_channel.hpp"
#include "public/sched.hpp"

namespace hv {
namespace {
constexpr u64 shortest_period = 1'000'000;

bool is_down(Vcpu const& vcpu) { return vcpu.pause_reasons.load() & PauseReason::down; }

Outcome initialise(Vcpu& vcpu, u64 address) {
    if (!vcpu.info) return Errno::inval;
    auto const context = make_owned<abi::VcpuGuestContext>();  // too big for the stack
    if (!context) return Errno::nomem;
    TRY(copy_in_bytes(&*context, address, sizeof(*context)));
    // Two vCPUs may try at once; a vCPU that somebody initialises must not be brought up meanwhile either.
    if (vcpu.being_initialised.exchange(true, std::memory_order_acquire)) return Errno::again;
    Result<> result = vcpu.initialised ? Result<>{Errno::exist} : pv::set_context(vcpu, *context);
    vcpu.being_initialised.store(false, std::memory_order_release);
    return result;
}

Outcome up(Vcpu& vcpu) {
    if (!vcpu.initialised) return Errno::inval;
    sched::clear_reason(vcpu, PauseReason::down);
    return 0;
}

// The last vCPU that goes down takes the domain with it.
Outcome down(Vcpu& vcpu) {
    Domain& domain = *vcpu.domain;
    sched::set_reason(vcpu, PauseReason::down);
    for (u32 i = 0; i < domain.max_vcpus; ++i)
        if (domain.vcpus[i] && !is_down(*domain.vcpus[i])) return 0;
    shut_down_domain(domain, static_cast<u32>(abi::ShutdownReason::poweroff));
    return 0;
}

Result<> set_periodic_timer(Vcpu& vcpu, abi::VcpuSetPeriodicTimer const& op) {
    if (op.period_ns < shortest_period || op.period_ns > ~u64{0} / 4) return Errno::inval;
    __atomic_store_n(&vcpu.periodic_ns, op.period_ns, __ATOMIC_RELAXED);
    vcpu.periodic_timer.arm(hal::now() + op.period_ns, hal::this_cpu());
    return {};
}

Outcome stop_periodic_timer(Vcpu& vcpu) {
    __atomic_store_n(&vcpu.periodic_ns, u64{0}, __ATOMIC_RELAXED);
    vcpu.periodic_timer.disarm();
    return 0;
}

Result<> set_singleshot_timer(Vcpu& vcpu, abi::VcpuSetSingleshotTimer const& op) {
    if (op.timeout_abs_ns > hal::now()) {
        vcpu.singleshot_timer.arm(op.timeout_abs_ns, hal::this_cpu());
        return {};
    }
    if (op.flags & abi::singleshot_timer_future) return Errno::time;
    vcpu.singleshot_timer.disarm();
    send_virq(vcpu, abi::virq::timer);
    return {};
}

// From now on the vCPU's event and time fields are on a page of the guest's. What was in the old place comes along, and
// every port is looked at once, so that no event falls between the two.
Result<> register_info(Vcpu& vcpu, abi::RegisterVcpuInfo const& op) {
    constexpr u64 size = sizeof(abi::VcpuInfo);
    if (op.offset > page_size - size || op.offset % alignof(abi::VcpuInfo)) return Errno::nxio;
    if (vcpu.info_page) return Errno::inval;
    TypedRef frame = TRY(get_writable(op.mfn, vcpu.domain->id));
    auto* const info = reinterpret_cast<abi::VcpuInfo*>(hal::map(frame.mfn()) + op.offset);
    PageInfo* none = nullptr;
    if (!__atomic_compare_exchange_n(&vcpu.info_page, &none, &*frame, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return Errno::inval;
    (void)std::move(frame).leak();  // info_page holds it now

    if (vcpu.info) {
        std::memcpy(info, vcpu.info, size);
    } else {
        std::memset(info, 0, size);
        info->evtchn_upcall_mask = 1;
    }
    __atomic_store_n(&vcpu.info, info, __ATOMIC_SEQ_CST);
    __atomic_store_n(&info->evtchn_pending_sel, ~u64{0}, __ATOMIC_SEQ_CST);
    notify_vcpu(vcpu);
    guest_time::initialise(vcpu);
    return {};
}

// The area is at an address of the registering kernel; a null one ends it.
Result<> register_area(u64& area, u64 address) {
    if (address && !is_guest_range(address, sizeof(abi::VcpuRunstateInfo))) return Errno::fault;
    area = address;
    return {};
}

Result<> register_runstate_area(Vcpu& vcpu, abi::VcpuRegisterRunstateMemoryArea const& op) {
    TRY(register_area(vcpu.runstate_area, op.addr.address));
    if (&vcpu == &hal::current()) guest_time::write_runstate_area(vcpu);
    return {};
}

Result<> register_time_area(Vcpu& vcpu, abi::VcpuRegisterTimeMemoryArea const& op) {
    TRY(register_area(vcpu.time_area, op.addr.address));
    guest_time::initialise(vcpu);
    return {};
}
}  // namespace

Outcome do_vcpu_op(Vcpu& caller, HypercallArgs& args) {
    namespace command = abi::vcpuop;
    Domain& domain = *caller.domain;
    Vcpu* const vcpu = args[1] < domain.max_vcpus ? domain.vcpu(VcpuId{static_cast<u32>(args[1])}) : nullptr;
    if (!vcpu) return Errno::noent;
    bool const is_self = vcpu == &caller;
    switch (static_cast<u32>(args[0])) {
        case command::initialise: return initialise(*vcpu, args[2]);
        case command::up: return up(*vcpu);
        case command::down: return down(*vcpu);
        case command::is_up: return is_down(*vcpu) ? 0 : 1;
        case command::get_runstate_info:
            return copy_out(guest_ptr<abi::VcpuRunstateInfo>{args[2]}, sched::runstate_of(*vcpu));
        case command::register_runstate_memory_area: return with_argument<register_runstate_area>(*vcpu, args[2]);
        case command::set_periodic_timer: return with_argument<set_periodic_timer>(*vcpu, args[2]);
        case command::stop_periodic_timer: return stop_periodic_timer(*vcpu);
        case command::set_singleshot_timer:
            return is_self ? with_argument<set_singleshot_timer>(*vcpu, args[2]) : Outcome{Errno::inval};
        case command::stop_singleshot_timer:
            if (!is_self) return Errno::inval;
            vcpu->singleshot_timer.disarm();
            return 0;
        case command::register_vcpu_info:
            if (!is_self && !is_down(*vcpu)) return Errno::inval;
            return with_argument<register_info>(*vcpu, args[2]);
        case command::register_vcpu_time_memory_area: return with_argument<register_time_area>(*vcpu, args[2]);
        case command::send_nmi: sched::send_nmi(*vcpu); return 0;
        case command::get_physid: return Errno::inval;  // no vCPU is bound to a processor for good
        default: return Errno::nosys;
    }
}
}  // namespace hv

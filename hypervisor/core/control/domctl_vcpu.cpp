// SPDX-License-Identifier: MIT
// The state of vCPUs, as tools build, save and show it. The vCPU is held while its state is read or written.
#include "core/control/domctl.hpp"
#include "core/guest_access.hpp"
#include "core/mm/heap.hpp"
#include "core/pv/vcpu_context.hpp"
#include "core/sched/scheduler.hpp"

namespace hv::control {
namespace {
class PausedVcpu {
public:
    explicit PausedVcpu(Vcpu& vcpu) : vcpu_{vcpu} { pause_vcpu(vcpu_); }
    PausedVcpu(PausedVcpu const&) = delete;
    ~PausedVcpu() { unpause_vcpu(vcpu_); }

private:
    Vcpu& vcpu_;
};

Result<> apply(Vcpu& vcpu, abi::VcpuGuestContext const& context) {
    if (vcpu.being_initialised.exchange(true, std::memory_order_acquire)) return Errno::again;
    Result<> const result = pv::set_context(vcpu, context);
    vcpu.being_initialised.store(false, std::memory_order_release);
    return result;
}
}  // namespace

Result<Vcpu*> find_vcpu(Domain& domain, VcpuId id) {
    if (id.value >= domain.max_vcpus) return Errno::inval;
    Vcpu* const vcpu = domain.vcpu(id);
    if (!vcpu) return Errno::srch;
    return vcpu;
}

Result<> set_vcpu_context(Domain& domain, abi::DomctlVcpucontext const& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op.vcpu));
    auto const buffer = make_owned<abi::VcpuGuestContext>();  // too big for the stack
    if (!buffer) return Errno::nomem;
    TRY(copy_in_bytes(&*buffer, op.ctxt.address, sizeof(*buffer)));
    PausedVcpu const paused{vcpu};
    TRY(apply(vcpu, *buffer));
    if (buffer->flags & abi::vgcf::online) sched::clear_reason(vcpu, PauseReason::down);
    else sched::set_reason(vcpu, PauseReason::down);
    return {};
}

Result<> get_vcpu_context(Domain& domain, abi::DomctlVcpucontext const& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op.vcpu));
    if (!vcpu.initialised) return Errno::nodata;
    auto const buffer = make_owned<abi::VcpuGuestContext>();  // too big for the stack
    if (!buffer) return Errno::nomem;
    {
        PausedVcpu const paused{vcpu};
        pv::get_context(vcpu, *buffer);
    }
    return copy_out_bytes(op.ctxt.address, &*buffer, sizeof(*buffer));
}

// The callbacks that the context has no room for. Machine-check banks are not virtualised.
Result<> set_extended_context(Domain& domain, abi::DomctlExtVcpucontext const& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op.vcpu));
    if (!is_canonical(op.syscall32_callback_eip) || !is_canonical(op.sysenter_callback_eip)) return Errno::inval;
    PausedVcpu const paused{vcpu};
    vcpu.syscall32_callback = {op.syscall32_callback_eip, op.syscall32_disables_events != 0};
    vcpu.sysenter_callback = {op.sysenter_callback_eip, op.sysenter_disables_events != 0};
    return {};
}

Result<> get_extended_context(Domain& domain, abi::DomctlExtVcpucontext& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op.vcpu));
    PausedVcpu const paused{vcpu};
    VcpuId const id = op.vcpu;
    op = {};
    op.vcpu = id;
    op.size = sizeof(op);
    op.syscall32_callback_eip = vcpu.syscall32_callback.address;
    op.sysenter_callback_eip = vcpu.sysenter_callback.address;
    op.syscall32_callback_cs = abi::selector::flat_cs32;
    op.sysenter_callback_cs = abi::selector::flat_cs64;
    op.syscall32_disables_events = vcpu.syscall32_callback.mask_events;
    op.sysenter_disables_events = vcpu.sysenter_callback.mask_events;
    return {};
}

Result<> get_vcpu_info(Domain& domain, abi::DomctlGetvcpuinfo& op) {
    Vcpu& vcpu = *TRY(find_vcpu(domain, op.vcpu));
    u32 const reasons = vcpu.pause_reasons.load(std::memory_order_relaxed);
    op.online = !(reasons & PauseReason::down);
    op.blocked = (reasons & (PauseReason::blocked | PauseReason::polling)) != 0;
    op.running = vcpu.running.load(std::memory_order_relaxed);
    op.cpu_time = sched::runstate_of(vcpu).time[abi::runstate::running];
    op.cpu = vcpu.cpu.load(std::memory_order_relaxed);
    return {};
}

// A PV guest has no buttons, but it can be sent an NMI.
Result<> send_trigger(Domain& domain, abi::DomctlSendtrigger const& op) {
    Vcpu* const vcpu = domain.vcpu(op.vcpu);
    if (!vcpu) return Errno::srch;
    switch (op.trigger) {
        case abi::trigger::nmi: sched::send_nmi(*vcpu); return {};
        case abi::trigger::power:
        case abi::trigger::sleep: return Errno::inval;
        default: return Errno::nosys;
    }
}

// There are no registers of this kind that a guest could change: an empty list is the whole state.
Result<> set_vcpu_msrs(Domain& domain, abi::DomctlVcpuMsrs const& op) {
    TRY(find_vcpu(domain, op.vcpu));
    return require(op.msr_count == 0, Errno::inval);
}

Result<> get_vcpu_msrs(Domain& domain, abi::DomctlVcpuMsrs& op) {
    TRY(find_vcpu(domain, op.vcpu));
    op.msr_count = 0;
    return {};
}
}  // namespace hv::control

// SPDX-License-Identifier: MIT
// Where the hypervisor enters the guest's kernel: set_trap_table, set_callbacks, callback_op and nmi_op.
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/pv/registers.hpp"

namespace hv {
namespace {
constexpr u8 nmi_vector = 2;

Result<u64> register_nmi(Vcpu& vcpu, u64 address) {
    if (!is_canonical(address)) return Errno::inval;
    vcpu.traps[nmi_vector] = {address, abi::selector::flat_cs64, 0, true};
    return u64{0};
}

Result<u64> register_callback(Vcpu& vcpu, abi::CallbackRegister const& op) {
    u64 const address = op.address.value;
    if (!is_canonical(address)) return Errno::inval;
    GuestCallback const callback{address, (op.flags & abi::callback::mask_events) != 0};
    switch (op.type) {
        case abi::callback::event: vcpu.event_callback = {address, true}; break;
        case abi::callback::failsafe: vcpu.failsafe_callback = callback; break;
        case abi::callback::syscall: vcpu.syscall_callback = callback; break;
        case abi::callback::syscall32: vcpu.syscall32_callback = callback; break;
        case abi::callback::sysenter_deprecated:
        case abi::callback::sysenter: vcpu.sysenter_callback = callback; break;
        case abi::callback::nmi: return register_nmi(vcpu, address);
        default: return Errno::nosys;
    }
    return u64{0};
}

// A guest cannot do without most of them; only the NMI handler may go.
Result<u64> unregister_callback(Vcpu& vcpu, abi::CallbackUnregister const& op) {
    if (op.type > abi::callback::sysenter) return Errno::nosys;
    if (op.type != abi::callback::nmi) return Errno::inval;
    vcpu.traps[nmi_vector] = {};
    return u64{0};
}
}  // namespace

// The list ends with an entry of address 0 and may be as long as the guest likes.
Outcome do_set_trap_table(Vcpu& vcpu, HypercallArgs& args) {
    guest_ptr<abi::TrapInfo> entry{args[0]};
    if (entry.is_null()) {
        vcpu.traps = {};
        return 0;
    }
    for (u32 done = 0;; ++done, entry = entry + 1) {
        if (done >= abi::trap_vectors && hal::should_preempt()) {
            args[0] = entry.address;
            return Outcome::again();
        }
        auto const trap = copy_in(entry);
        if (!trap) return trap.error();
        abi::TrapInfo const& info = *trap;
        if (info.address == 0) return 0;
        if (!is_canonical(info.address)) return Errno::inval;
        vcpu.traps[info.vector] = {info.address, pv::code_selector(info.cs), info.dpl(), info.masks_events()};
    }
}

Outcome do_set_callbacks(Vcpu& vcpu, HypercallArgs& args) {
    if (!is_canonical(args[0]) || !is_canonical(args[1]) || !is_canonical(args[2])) return Errno::inval;
    vcpu.event_callback = {args[0], true};
    vcpu.failsafe_callback = {args[1], false};
    vcpu.syscall_callback = {args[2], false};
    return 0;
}

Outcome do_callback_op(Vcpu& vcpu, HypercallArgs& args) {
    guest_ptr<void> const arg{args[1]};
    switch (static_cast<u32>(args[0])) {
        case abi::callbackop::register_callback:
            return with_argument<abi::CallbackRegister>(
                arg, [&](abi::CallbackRegister const& op) { return register_callback(vcpu, op); });
        case abi::callbackop::unregister_callback:
            return with_argument<abi::CallbackUnregister>(
                arg, [&](abi::CallbackUnregister const& op) { return unregister_callback(vcpu, op); });
        default: return Errno::nosys;
    }
}

// (command, callback*): callback_op for NMIs alone, and older than it
Outcome do_nmi_op(Vcpu& vcpu, HypercallArgs& args) {
    switch (static_cast<u32>(args[0])) {
        case abi::nmiop::register_callback:
            return with_argument<abi::NmiCallback>(guest_ptr<void>{args[1]}, [&](abi::NmiCallback const& op) {
                return register_nmi(vcpu, op.handler_address.value);
            });
        case abi::nmiop::unregister_callback: vcpu.traps[nmi_vector] = {}; return 0;
        default: return Errno::nosys;
    }
}
}  // namespace hv

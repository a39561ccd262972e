// SPDX-License-Identifier: MIT
// Where the hypervisor enters the guest's kernel: set_trap_table, set_callbacks, callback_op and nmi_op.
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/pv/registers.hpp"

namespace hv {
namespace {
constexpr u8 nmi_vector = 2;

Result<> register_nmi(Vcpu& vcpu, abi::NmiCallback const& op) {
    if (!is_canonical(op.handler_address.value)) return Errno::inval;
    vcpu.traps[nmi_vector] = {op.handler_address.value, abi::selector::flat_cs64, 0, true};
    return {};
}

Result<> register_callback(Vcpu& vcpu, abi::CallbackRegister const& op) {
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
        case abi::callback::nmi: return register_nmi(vcpu, {op.address, 0});
        default: return Errno::nosys;
    }
    return {};
}

// A guest cannot do without most of them; only the NMI handler may go.
Result<> unregister_callback(Vcpu& vcpu, abi::CallbackUnregister const& op) {
    if (op.type > abi::callback::sysenter) return Errno::nosys;
    if (op.type != abi::callback::nmi) return Errno::inval;
    vcpu.traps[nmi_vector] = {};
    return {};
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
        abi::TrapInfo const info = TRY(copy_in(entry));
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
    switch (static_cast<u32>(args[0])) {
        case abi::callbackop::register_callback: return with_argument<register_callback>(vcpu, args[1]);
        case abi::callbackop::unregister_callback: return with_argument<unregister_callback>(vcpu, args[1]);
        default: return Errno::nosys;
    }
}

// (command, callback*): callback_op for NMIs alone, and older than it
Outcome do_nmi_op(Vcpu& vcpu, HypercallArgs& args) {
    switch (static_cast<u32>(args[0])) {
        case abi::nmiop::register_callback: return with_argument<register_nmi>(vcpu, args[1]);
        case abi::nmiop::unregister_callback: vcpu.traps[nmi_vector] = {}; return 0;
        default: return Errno::nosys;
    }
}
}  // namespace hv

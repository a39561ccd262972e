// SPDX-License-Identifier: MIT
// From a number and six arguments to a handler and back. Handlers see arguments, never registers.
#pragma once
#include <array>
#include "core/guest_access.hpp"
#include "core/vcpu.hpp"
#include "portable/base/result.hpp"
#include "public/hypercall.hpp"

namespace hv {
// The arguments of one hypercall; none of ours takes a fifth. A preempted handler changes them so that the same call
// continues where it stopped.
struct HypercallArgs {
    std::array<u64, 4> value;
    u64& operator[](usize index) { return value[index]; }
};

// What a handler says. `again`: repeat the call with the changed arguments after whatever wanted the CPU. Errno::again,
// which promotions report when they were preempted, means just that. `iret`: go on as the iret hypercall says.
struct Outcome {
    enum class Kind : u8 { done, again, iret };
    i64 value;
    Kind kind;

    constexpr Outcome(i64 v = 0, Kind k = Kind::done) : value{v}, kind{k} {}
    constexpr Outcome(Errno e) : value{-static_cast<i64>(e)}, kind{e == Errno::again ? Kind::again : Kind::done} {}
    constexpr Outcome(Result<> r) : Outcome{r.error()} {}
    Outcome(Result<u64> const& r) : Outcome{r.error()} {
        if (r) value = static_cast<i64>(*r);
    }
    static constexpr Outcome again() { return {0, Kind::again}; }
    static constexpr Outcome iret() { return {0, Kind::iret}; }
    bool is_again() const { return kind == Kind::again; }
};

// Of a sub-operation whose argument is one structure, which the handler's second parameter names: copy in, call, copy
// out unless that is constant. This is tried first: what the handler does must be told.
template <auto handler, class Caller, class Op, class Answer>
Outcome with_argument_of(Answer (*)(Caller&, Op&), Caller& caller, u64 address) {
    guest_ptr<std::remove_const_t<Op>> const at{address};
    std::remove_const_t<Op> argument;
    TRY(copy_in(argument, at));
    constexpr bool answers = !std::is_const_v<Op>;
    if constexpr (answers) TRY(copy_out(at, argument));
    Answer const answer = handler(caller, argument);
    if constexpr (answers) {
        if (answer) TRY(copy_out(at, argument));
    }
    return answer;
}
template <auto handler, class Caller>
Outcome with_argument(Caller& caller, u64 address) {
    return with_argument_of<handler>(handler, caller, address);
}

// --- the handlers. Table: core/hypercall/table.cpp.
using Handler = Outcome(Vcpu&, HypercallArgs&);
Handler do_mmu_update, do_update_va_mapping, do_update_va_mapping_otherdomain, do_mmuext_op;  // core/mm
Handler do_memory_op, do_set_gdt, do_update_descriptor;
Handler do_event_channel_op, do_physdev_op;                                                  // core/event
Handler do_grant_table_op;                                                                   // core/grant
Handler do_sched_op, do_set_timer_op, do_vcpu_op;                                            // core/sched
Handler do_multicall, do_sched_op_compat, do_event_channel_op_compat, do_physdev_op_compat;  // core/hypercall
Handler do_xen_version, do_console_io, do_vm_assist, do_domctl, do_sysctl, do_platform_op;   // core/control
Handler do_set_trap_table, do_set_callbacks, do_callback_op, do_nmi_op, do_stack_switch;     // core/pv
Handler do_set_segment_base, do_fpu_taskswitch, do_set_debugreg, do_get_debugreg;

// --- which function handles which number. Every slot holds one: the unused ones answer -ENOSYS.
// As many as a mask can tell, for whoever has mispredicted the check of the number.
inline constexpr usize hypercall_slots = 64;
extern constinit std::array<Handler*, hypercall_slots> const hypercall_table;

// Runs hypercall `number` for `vcpu`, the current one. `again`: the caller makes the guest repeat the instruction.
inline Outcome dispatch_hypercall(Vcpu& vcpu, u64 number, HypercallArgs& args) {
    if (number >= hypercall_slots) [[unlikely]]
        return Errno::nosys;
    asm("" : "+r"(number));  // the compiler, which has seen the comparison, would leave the mask out
    return hypercall_table.data()[number % hypercall_slots](vcpu, args);
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// From a number and six arguments to a handler and back. Handlers see arguments, never registers.
#pragma once
#include <array>
#include "base/result.hpp"
#include "core/vcpu.hpp"

namespace hv {
// The arguments of one hypercall. A preempted handler changes them so that the same call continues where it stopped.
struct HypercallArgs {
    std::array<u64, 6> value;
    u64& operator[](usize index) { return value[index]; }
};

// What a handler says. `again`: repeat the call with the changed arguments after whatever wanted the CPU. Errno::again,
// which promotions report when they were preempted, means just that. `iret`: go on as the iret hypercall says.
struct Outcome {
    enum class Kind : u8 { done, again, iret };
    i64 value = 0;
    Kind kind = Kind::done;

    constexpr Outcome() = default;
    constexpr Outcome(i64 v) : value{v} {}
    constexpr Outcome(Errno e) : value{-static_cast<i64>(e)}, kind{e == Errno::again ? Kind::again : Kind::done} {}
    constexpr Outcome(Result<> r) : Outcome{r.error()} {}
    Outcome(Result<u64> const& r) : Outcome{r.error()} {
        if (r) value = static_cast<i64>(*r);
    }
    static constexpr Outcome again() {
        Outcome outcome;
        outcome.kind = Kind::again;
        return outcome;
    }
    static constexpr Outcome iret() {
        Outcome outcome;
        outcome.kind = Kind::iret;
        return outcome;
    }
    bool is_again() const { return kind == Kind::again; }
};

using HypercallHandler = Outcome (*)(Vcpu& vcpu, HypercallArgs& args);

// --- the handlers, by folder. Table: core/hypercall/table.cpp.
Outcome do_mmu_update(Vcpu&, HypercallArgs&);  // core/mm/mmu_update.cpp
Outcome do_update_va_mapping(Vcpu&, HypercallArgs&);
Outcome do_update_va_mapping_otherdomain(Vcpu&, HypercallArgs&);
Outcome do_mmuext_op(Vcpu&, HypercallArgs&);  // core/mm/mmuext.cpp
Outcome do_memory_op(Vcpu&, HypercallArgs&);  // core/mm/memory_op.cpp
Outcome do_set_gdt(Vcpu&, HypercallArgs&);    // core/mm/descriptor.cpp
Outcome do_update_descriptor(Vcpu&, HypercallArgs&);
Outcome do_event_channel_op(Vcpu&, HypercallArgs&);  // core/event/event_op.cpp
Outcome do_grant_table_op(Vcpu&, HypercallArgs&);    // core/grant/grant_op.cpp
Outcome do_sched_op(Vcpu&, HypercallArgs&);          // core/sched/sched_op.cpp
Outcome do_set_timer_op(Vcpu&, HypercallArgs&);
Outcome do_vcpu_op(Vcpu&, HypercallArgs&);         // core/sched/vcpu_op.cpp
Outcome do_multicall(Vcpu&, HypercallArgs&);       // core/hypercall/multicall.cpp
Outcome do_xen_version(Vcpu&, HypercallArgs&);     // core/control/version.cpp
Outcome do_console_io(Vcpu&, HypercallArgs&);      // core/control/console_io.cpp
Outcome do_vm_assist(Vcpu&, HypercallArgs&);       // core/control/vm_assist.cpp
Outcome do_domctl(Vcpu&, HypercallArgs&);          // core/control/domctl.cpp
Outcome do_sysctl(Vcpu&, HypercallArgs&);          // core/control/sysctl.cpp
Outcome do_platform_op(Vcpu&, HypercallArgs&);     // core/control/platform_op.cpp
Outcome do_physdev_op(Vcpu&, HypercallArgs&);      // core/event/physdev_op.cpp
Outcome do_set_trap_table(Vcpu&, HypercallArgs&);  // core/pv/callbacks.cpp
Outcome do_set_callbacks(Vcpu&, HypercallArgs&);
Outcome do_callback_op(Vcpu&, HypercallArgs&);
Outcome do_stack_switch(Vcpu&, HypercallArgs&);  // core/pv/cpu_state.cpp
Outcome do_set_segment_base(Vcpu&, HypercallArgs&);
Outcome do_fpu_taskswitch(Vcpu&, HypercallArgs&);
Outcome do_set_debugreg(Vcpu&, HypercallArgs&);
Outcome do_get_debugreg(Vcpu&, HypercallArgs&);
}  // namespace hv

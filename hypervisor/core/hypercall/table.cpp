// SPDX-License-Identifier: MIT
#include "core/hypercall/dispatch.hpp"

namespace hv {
static_assert(abi::hypercall::count <= hypercall_slots);

namespace {
Outcome not_implemented(Vcpu&, HypercallArgs&) { return Errno::nosys; }
Outcome not_supported(Vcpu&, HypercallArgs&) { return Errno::opnotsupp; }
Outcome end_batch(Vcpu&, HypercallArgs&) { return Outcome::iret(); }

consteval std::array<Handler*, hypercall_slots> make_table() {
    using namespace abi::hypercall;
    std::array<Handler*, hypercall_slots> table{};
    for (Handler*& slot : table) slot = not_implemented;
    table[set_trap_table] = do_set_trap_table;
    table[mmu_update] = do_mmu_update;
    table[set_gdt] = do_set_gdt;
    table[stack_switch] = do_stack_switch;
    table[set_callbacks] = do_set_callbacks;
    table[sched_op_compat] = do_sched_op_compat;
    table[event_channel_op_compat] = do_event_channel_op_compat;
    table[physdev_op_compat] = do_physdev_op_compat;
    table[nmi_op] = do_nmi_op;
    table[xenpmu_op] = not_supported;
    table[fpu_taskswitch] = do_fpu_taskswitch;
    table[platform_op] = do_platform_op;
    table[set_debugreg] = do_set_debugreg;
    table[get_debugreg] = do_get_debugreg;
    table[update_descriptor] = do_update_descriptor;
    table[memory_op] = do_memory_op;
    table[multicall] = do_multicall;
    table[update_va_mapping] = do_update_va_mapping;
    table[set_timer_op] = do_set_timer_op;
    table[xen_version] = do_xen_version;
    table[console_io] = do_console_io;
    table[grant_table_op] = do_grant_table_op;
    table[vm_assist] = do_vm_assist;
    table[update_va_mapping_otherdomain] = do_update_va_mapping_otherdomain;
    table[iret] = end_batch;  // outside of a batch, the entry code does not ask the table
    table[vcpu_op] = do_vcpu_op;
    table[set_segment_base] = do_set_segment_base;
    table[mmuext_op] = do_mmuext_op;
    table[sched_op] = do_sched_op;
    table[callback_op] = do_callback_op;
    table[event_channel_op] = do_event_channel_op;
    table[physdev_op] = do_physdev_op;
    table[sysctl] = do_sysctl;
    table[domctl] = do_domctl;
    return table;
}
}  // namespace

constinit std::array<Handler*, hypercall_slots> const hypercall_table = make_table();
}  // namespace hv

// SPDX-License-Identifier: MIT
#include "public/vcpu.hpp"

#include <gtest/gtest.h>

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiVcpu, RegistersAreXens){SAME(abi::CpuUserRegs, cpu_user_regs, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8,
                                     rax, rcx, rdx, rsi, rdi, error_code, entry_vector, rip, cs, saved_upcall_mask,
                                     rflags, rsp, ss, es, ds, fs, gs)}

TEST(AbiVcpu, TrapInfoIsXens){SAME(abi::TrapInfo, trap_info, vector, flags, cs, address)}

TEST(AbiVcpu, ContextIsXens) {
    SAME(abi::VcpuGuestContext, vcpu_guest_context, fpu_ctxt, flags, user_regs, trap_ctxt, ldt_base, ldt_ents,
         gdt_frames, gdt_ents, kernel_ss, kernel_sp, ctrlreg, debugreg, event_callback_eip, failsafe_callback_eip,
         syscall_callback_eip, vm_assist, fs_base, gs_base_kernel, gs_base_user)
    SAME_VALUE(abi::vgcf::i387_valid, VGCF_i387_valid);
    SAME_VALUE(abi::vgcf::in_kernel, VGCF_in_kernel);
    SAME_VALUE(abi::vgcf::failsafe_disables_events, VGCF_failsafe_disables_events);
    SAME_VALUE(abi::vgcf::syscall_disables_events, VGCF_syscall_disables_events);
    SAME_VALUE(abi::vgcf::online, VGCF_online);
    SAME_VALUE(abi::vgcf::in_syscall, VGCF_in_syscall);
}

TEST(AbiVcpu, IretContextIsXens){SAME(abi::IretContext, iret_context, rax, r11, rcx, flags, rip, cs, rflags, rsp, ss)}

TEST(AbiVcpu, SelectorsAreXens) {
    SAME_VALUE(abi::selector::flat_cs32, FLAT_RING3_CS32);
    SAME_VALUE(abi::selector::flat_ss, FLAT_RING3_SS64);
    SAME_VALUE(abi::selector::flat_cs64, FLAT_RING3_CS64);
    SAME_VALUE(abi::selector::flat_ds64, FLAT_RING3_DS64);
    SAME_VALUE(abi::selector::first_reserved_gdt_page, FIRST_RESERVED_GDT_PAGE);
    SAME_VALUE(abi::selector::first_reserved_gdt_byte, FIRST_RESERVED_GDT_BYTE);
    SAME_VALUE(abi::selector::first_reserved_gdt_entry, FIRST_RESERVED_GDT_ENTRY);
    SAME_VALUE(abi::segbase::fs, SEGBASE_FS);
    SAME_VALUE(abi::segbase::gs_user, SEGBASE_GS_USER);
    SAME_VALUE(abi::segbase::gs_kernel, SEGBASE_GS_KERNEL);
    SAME_VALUE(abi::segbase::gs_user_sel, SEGBASE_GS_USER_SEL);
}

TEST(AbiVcpu, OperationsAreXens) {
    SAME_VALUE(abi::vcpuop::initialise, VCPUOP_initialise);
    SAME_VALUE(abi::vcpuop::up, VCPUOP_up);
    SAME_VALUE(abi::vcpuop::down, VCPUOP_down);
    SAME_VALUE(abi::vcpuop::is_up, VCPUOP_is_up);
    SAME_VALUE(abi::vcpuop::get_runstate_info, VCPUOP_get_runstate_info);
    SAME_VALUE(abi::vcpuop::register_runstate_memory_area, VCPUOP_register_runstate_memory_area);
    SAME_VALUE(abi::vcpuop::set_periodic_timer, VCPUOP_set_periodic_timer);
    SAME_VALUE(abi::vcpuop::stop_periodic_timer, VCPUOP_stop_periodic_timer);
    SAME_VALUE(abi::vcpuop::set_singleshot_timer, VCPUOP_set_singleshot_timer);
    SAME_VALUE(abi::vcpuop::stop_singleshot_timer, VCPUOP_stop_singleshot_timer);
    SAME_VALUE(abi::vcpuop::register_vcpu_info, VCPUOP_register_vcpu_info);
    SAME_VALUE(abi::vcpuop::send_nmi, VCPUOP_send_nmi);
    SAME_VALUE(abi::vcpuop::get_physid, VCPUOP_get_physid);
    SAME_VALUE(abi::vcpuop::register_vcpu_time_memory_area, VCPUOP_register_vcpu_time_memory_area);
    SAME_VALUE(abi::runstate::running, RUNSTATE_running);
    SAME_VALUE(abi::runstate::runnable, RUNSTATE_runnable);
    SAME_VALUE(abi::runstate::blocked, RUNSTATE_blocked);
    SAME_VALUE(abi::runstate::offline, RUNSTATE_offline);
    SAME_VALUE(abi::runstate::update, XEN_RUNSTATE_UPDATE);
    SAME_VALUE(abi::singleshot_timer_future, VCPU_SSHOTTMR_future);
}

TEST(AbiVcpu, ArgumentsAreXens){
    SAME(abi::VcpuRunstateInfo, vcpu_runstate_info, state, state_entry_time, time)
        SAME(abi::VcpuRegisterRunstateMemoryArea, vcpu_register_runstate_memory_area, addr)
            SAME(abi::VcpuRegisterTimeMemoryArea, vcpu_register_time_memory_area, addr)
                SAME(abi::VcpuSetPeriodicTimer, vcpu_set_periodic_timer, period_ns)
                    SAME(abi::VcpuSetSingleshotTimer, vcpu_set_singleshot_timer, timeout_abs_ns, flags)
                        SAME(abi::RegisterVcpuInfo, vcpu_register_vcpu_info, mfn, offset, rsvd)
                            SAME(abi::VcpuGetPhysid, vcpu_get_physid, phys_id)}

TEST(AbiVcpu, CallbacksAreXens) {
    SAME(abi::CallbackRegister, callback_register, type, flags, address)
    SAME_MEMBER(abi::CallbackUnregister, callback_unregister, type)
    SAME_SIZE(abi::CallbackUnregister, callback_unregister)
    SAME_VALUE(abi::callback::event, CALLBACKTYPE_event);
    SAME_VALUE(abi::callback::failsafe, CALLBACKTYPE_failsafe);
    SAME_VALUE(abi::callback::syscall, CALLBACKTYPE_syscall);
    SAME_VALUE(abi::callback::sysenter_deprecated, CALLBACKTYPE_sysenter_deprecated);
    SAME_VALUE(abi::callback::nmi, CALLBACKTYPE_nmi);
    SAME_VALUE(abi::callback::sysenter, CALLBACKTYPE_sysenter);
    SAME_VALUE(abi::callback::syscall32, CALLBACKTYPE_syscall32);
    SAME_VALUE(abi::callback::mask_events, CALLBACKF_mask_events);
    SAME_VALUE(abi::callbackop::register_callback, CALLBACKOP_register);
    SAME_VALUE(abi::callbackop::unregister_callback, CALLBACKOP_unregister);
    SAME_VALUE(abi::nmiop::register_callback, XENNMI_register_callback);
    SAME_VALUE(abi::nmiop::unregister_callback, XENNMI_unregister_callback);
    SAME(abi::NmiCallback, xennmi_callback, handler_address, pad)
}

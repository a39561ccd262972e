// SPDX-License-Identifier: MIT
#include "core/pv/vcpu_context.hpp"
#include <algorithm>
#include <cstring>
#include "core/hal/vcpu.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/root.hpp"
#include "core/pv/registers.hpp"
#include "core/pv/trap_frame.hpp"
#include "core/time/guest_time.hpp"
#include "portable/base/pte.hpp"

namespace hv::pv {
namespace {
Mfn kernel_root_of(abi::VcpuGuestContext const& context) { return Mfn{context.ctrlreg[3] >> page_shift}; }
Mfn user_root_of(abi::VcpuGuestContext const& context) { return Mfn{context.ctrlreg[1] >> page_shift}; }  // 0: none

bool are_addresses_canonical(abi::VcpuGuestContext const& context) {
    for (u64 address : {context.user_regs.rip, context.user_regs.rsp, context.kernel_sp, context.event_callback_eip,
                        context.failsafe_callback_eip, context.syscall_callback_eip, context.fs_base,
                        context.gs_base_kernel, context.gs_base_user})
        if (!is_canonical(address)) return false;
    return std::ranges::all_of(context.trap_ctxt, [](abi::TrapInfo const& trap) { return is_canonical(trap.address); });
}

bool is_valid(abi::VcpuGuestContext const& context) {
    if (!are_addresses_canonical(context)) return false;
    if (context.gdt_ents > max_gdt_entries || context.ldt_ents > max_ldt_entries) return false;
    // A vCPU in user mode runs on its user root.
    return (context.flags & abi::vgcf::in_kernel) || user_root_of(context).value != 0;
}

// --- tables: the part that can fail

Result<> take_tables(Vcpu& vcpu, abi::VcpuGuestContext const& context) {
    std::array<Mfn, max_gdt_frames> frames{};
    u64 const frame_count = descriptor_pages(context.gdt_ents);
    for (u64 i = 0; i < frame_count; ++i) frames[i] = context.gdt_frames[i];
    TRY(set_kernel_root(vcpu, kernel_root_of(context)));
    TRY(set_user_root(vcpu, user_root_of(context)));
    TRY(set_gdt(vcpu, {frames.data(), frame_count}, static_cast<u32>(context.gdt_ents)));
    if (context.ldt_ents) TRY(set_ldt(vcpu, context.ldt_base.value, context.ldt_ents));
    return {};
}

bool has_same_tables(Vcpu const& vcpu, abi::VcpuGuestContext const& context) {
    if (!vcpu.kernel_root.is(kernel_root_of(context))) return false;
    Mfn const user = user_root_of(context);
    if (user.value ? !vcpu.user_root.is(user) : bool{vcpu.user_root}) return false;
    if (vcpu.gdt_entries != context.gdt_ents || vcpu.ldt_entries != context.ldt_ents) return false;
    if (vcpu.ldt_entries && vcpu.ldt_base != context.ldt_base.value) return false;
    for (u32 i = 0; i * 512 < vcpu.gdt_entries; ++i)
        if (vcpu.gdt_frames[i] != context.gdt_frames[i]) return false;
    return true;
}

// --- registers: cannot fail

void set_registers(Vcpu& vcpu, abi::VcpuGuestContext const& context) {
    vcpu.in_kernel = (context.flags & abi::vgcf::in_kernel) != 0;
    vcpu.regs = context.user_regs;
    vcpu.regs.cs = code_selector(context.user_regs.cs);
    vcpu.regs.ss = stack_selector(context.user_regs.ss);
    vcpu.iopl = static_cast<u8>((context.user_regs.rflags & rflags::iopl) >> 12);
    constexpr u64 forbidden = rflags::iopl | rflags::nested_task | rflags::virtual_8086 | 0xffff'ffff'ffc0'0000;
    vcpu.regs.rflags = (context.user_regs.rflags & ~forbidden) | rflags::interrupts | rflags::always_one;
    vcpu.fs_base = context.fs_base;
    vcpu.gs_base_kernel = context.gs_base_kernel;
    vcpu.gs_base_user = context.gs_base_user;
    vcpu.kernel_ss = stack_selector(static_cast<u16>(context.kernel_ss));
    vcpu.kernel_sp = context.kernel_sp;
    for (u32 i = 0; i < 4; ++i)
        vcpu.debug_registers[i] = is_valid_breakpoint(context.debugreg[i]) ? context.debugreg[i] : 0;
    vcpu.debug_registers[6] = fixed_dr6(context.debugreg[6]);
    vcpu.debug_registers[7] = is_valid_dr7(context.debugreg[7]) ? fixed_dr7(context.debugreg[7]) : fixed_dr7(0);
}

void set_entry_points(Vcpu& vcpu, abi::VcpuGuestContext const& context) {
    for (u32 vector = 0; vector < abi::trap_vectors; ++vector) {
        abi::TrapInfo const& trap = context.trap_ctxt[vector];
        vcpu.traps[vector] = {trap.address, code_selector(trap.cs), trap.dpl(), trap.masks_events()};
    }
    vcpu.event_callback = {context.event_callback_eip, true};
    vcpu.failsafe_callback = {context.failsafe_callback_eip,
                              (context.flags & abi::vgcf::failsafe_disables_events) != 0};
    vcpu.syscall_callback = {context.syscall_callback_eip, (context.flags & abi::vgcf::syscall_disables_events) != 0};
}

// The legacy FXSAVE image inside the XSAVE area (SDM volume 1, 13.4): 512 bytes, then the header with the components in
// use.
constexpr usize fxsave_size = 512;
constexpr usize mxcsr_offset = 24;
constexpr u32 mxcsr_settable = 0xffbf;  // safe on every CPU with SSE; other bits may fault on loading
constexpr u64 x87_and_sse = 3;

void set_fpu(Vcpu& vcpu, abi::VcpuGuestContext const& context) {
    hal::xstate_init(vcpu.xstate);
    if (!(context.flags & abi::vgcf::i387_valid)) return;
    std::memcpy(vcpu.xstate, context.fpu_ctxt, fxsave_size);
    u32 mxcsr;
    std::memcpy(&mxcsr, vcpu.xstate + mxcsr_offset, sizeof(mxcsr));
    mxcsr &= mxcsr_settable;
    std::memcpy(vcpu.xstate + mxcsr_offset, &mxcsr, sizeof(mxcsr));
    std::memcpy(vcpu.xstate + fxsave_size, &x87_and_sse, sizeof(x87_and_sse));
}

// A component whose header bit is clear is in its initial state, whatever the image holds (SDM volume 1, 13.6).
void get_fpu(Vcpu const& vcpu, abi::VcpuGuestContext& context) {
    u64 in_use;
    std::memcpy(&in_use, vcpu.xstate + fxsave_size, sizeof(in_use));
    std::memcpy(context.fpu_ctxt, vcpu.xstate, fxsave_size);
    constexpr usize x87_registers = 32, sse_registers = 160, sse_end = 416;
    if (!(in_use & 1)) {
        std::memset(context.fpu_ctxt, 0, mxcsr_offset);
        std::memset(context.fpu_ctxt + x87_registers, 0, sse_registers - x87_registers);
        constexpr u16 initial_control_word = 0x37f;
        std::memcpy(context.fpu_ctxt, &initial_control_word, sizeof(initial_control_word));
    }
    if (!(in_use & 2)) std::memset(context.fpu_ctxt + sse_registers, 0, sse_end - sse_registers);
}
}  // namespace

Result<> set_context(Vcpu& vcpu, abi::VcpuGuestContext const& context) {
    if (!vcpu.info || !is_valid(context)) return Errno::inval;  // it would not know where to look for events
    if (vcpu.initialised) {
        if (!has_same_tables(vcpu, context)) return Errno::opnotsupp;
    } else if (Result<> taken = take_tables(vcpu, context); !taken) {
        release_gdt(vcpu);
        release_ldt(vcpu);
        release_roots(vcpu);
        return taken;
    }
    set_registers(vcpu, context);
    set_entry_points(vcpu, context);
    set_fpu(vcpu, context);
    if (vcpu.id.value == 0 && !vcpu.initialised) {
        vcpu.domain->vm_assist = context.vm_assist & supported_assists;
        guest_time::write_wall_clock(*vcpu.domain);
    }
    guest_time::initialise(vcpu);
    vcpu.shows_iopl = vcpu.domain->vm_assist >> abi::vmassist::architectural_iopl & 1;
    vcpu.initialised = true;
    return {};
}

void get_context(Vcpu const& vcpu, abi::VcpuGuestContext& context) {
    std::memset(&context, 0, sizeof(context));
    get_fpu(vcpu, context);
    context.flags = abi::vgcf::i387_valid | (vcpu.in_kernel ? abi::vgcf::in_kernel : 0) |
                    (vcpu.pause_reasons.load() & PauseReason::down ? 0 : abi::vgcf::online) |
                    (vcpu.failsafe_callback.mask_events ? abi::vgcf::failsafe_disables_events : 0) |
                    (vcpu.syscall_callback.mask_events ? abi::vgcf::syscall_disables_events : 0);
    context.user_regs = vcpu.regs;
    context.user_regs.rflags = (vcpu.regs.rflags & ~rflags::iopl) | u64{vcpu.iopl} << 12;
    for (u32 vector = 0; vector < abi::trap_vectors; ++vector) {
        TrapGate const& gate = vcpu.traps[vector];
        if (!gate.address) continue;
        u8 const flags = static_cast<u8>(gate.privilege | (gate.mask_events ? abi::trap_masks_events : 0));
        context.trap_ctxt[vector] = {static_cast<u8>(vector), flags, gate.selector, 0, gate.address};
    }
    context.ldt_base = Vaddr{vcpu.ldt_base};
    context.ldt_ents = vcpu.ldt_entries;
    for (u32 i = 0; i * 512 < vcpu.gdt_entries; ++i) context.gdt_frames[i] = vcpu.gdt_frames[i];
    context.gdt_ents = vcpu.gdt_entries;
    context.kernel_ss = vcpu.kernel_ss;
    context.kernel_sp = vcpu.kernel_sp;
    context.ctrlreg[0] = 0x8000'0011 | (vcpu.cr0_ts ? 8 : 0);  // PG, ET, PE, and the virtual TS
    context.ctrlreg[1] = vcpu.user_root.cr3_or(0);
    context.ctrlreg[2] = vcpu.cr2;
    context.ctrlreg[3] = vcpu.kernel_root.cr3_or(0);
    context.ctrlreg[4] = vcpu.cr4;
    std::ranges::copy(vcpu.debug_registers, context.debugreg);
    context.event_callback_eip = vcpu.event_callback.address;
    context.failsafe_callback_eip = vcpu.failsafe_callback.address;
    context.syscall_callback_eip = vcpu.syscall_callback.address;
    context.vm_assist = vcpu.domain->vm_assist;
    context.fs_base = vcpu.fs_base;
    context.gs_base_kernel = vcpu.gs_base_kernel;
    context.gs_base_user = vcpu.gs_base_user;
}
}  // namespace hv::pv

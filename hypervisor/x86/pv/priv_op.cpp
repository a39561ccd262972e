// SPDX-License-Identifier: MIT
#include "x86/pv/priv_op.hpp"
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/time.hpp"
#include "core/hal/vcpu.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/mm/root.hpp"
#include "core/pv/constant_msr.hpp"
#include "core/pv/cpuid.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/entry/entry.hpp"

namespace hv::x86 {
namespace {
using pv::Instruction;
using pv::Operation;

constexpr u64 cr0_task_switched = 1u << 3;

Emulated done_if(bool ok) { return ok ? Emulated::done : Emulated::refused; }

void set_virtual_ts(Vcpu& vcpu, bool ts) {
    if (vcpu.cr0_ts == ts) return;
    vcpu.cr0_ts = ts;
    hal::load_virtual_ts(vcpu);
}

u64 visible_cr0(Vcpu const& vcpu) {
    return (cpu::read_cr0() & ~cr0_task_switched) | (vcpu.cr0_ts ? cr0_task_switched : 0);
}

Emulated read_control(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction) {
    u64 value;
    switch (instruction.index) {
        case 0: value = visible_cr0(vcpu); break;
        case 2: value = vcpu.cr2; break;
        case 3: value = vcpu.kernel_root.cr3_or(0); break;  // "folded" form: here simply the machine address
        case 4: value = pv::visible_cr4(vcpu.cr4); break;
        default: return Emulated::refused;
    }
    pv::write_operand(regs, instruction.destination, instruction.size, value);
    return Emulated::done;
}

Emulated write_control(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction) {
    u64 value = pv::read_operand(regs, instruction.source, instruction.size);
    switch (instruction.index) {
        case 0:
            if ((value ^ visible_cr0(vcpu)) & ~cr0_task_switched) return Emulated::refused;
            set_virtual_ts(vcpu, value & cr0_task_switched);
            return Emulated::done;
        case 2: vcpu.cr2 = value; return Emulated::done;
        case 3: {
            Result<> changed = set_kernel_root(vcpu, Mfn{value >> page_shift});
            // A preempted promotion goes on when the guest executes the instruction again.
            if (!changed && changed.error() == Errno::again) return Emulated::elsewhere;
            return done_if(bool(changed));
        }
        case 4:
            vcpu.cr4 = pv::choosable_cr4(hal::cpuid, value);
            hal::load_virtual_cr4(vcpu);
            return Emulated::done;
        default: return Emulated::refused;
    }
}

Emulated write_debug(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction) {
    HypercallArgs args{{instruction.index, pv::read_operand(regs, instruction.source, instruction.size)}};
    return done_if(do_set_debugreg(vcpu, args).value == 0);
}

Emulated read_debug(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction) {
    u32 number = instruction.index;
    if (number == 4 || number == 5) number += 2;
    pv::write_operand(regs, instruction.destination, instruction.size, vcpu.debug_registers[number]);
    return Emulated::done;
}

u64 pair(abi::CpuUserRegs const& regs) { return (regs.rdx << 32) | (regs.rax & 0xffff'ffff); }
void set_pair(abi::CpuUserRegs& regs, u64 value) {
    regs.rax = value & 0xffff'ffff;
    regs.rdx = value >> 32;
}

// The model-specific registers a PV kernel touches. Those of other purposes fault: Linux has fixups for all of them.
constexpr u64 apic_base_value = 0xfee0'0000 | 1u << 11;  // enabled
constexpr u64 apic_base_bsp = 1u << 8;

// Nothing if this guest and this processor have no such register.
std::optional<u64> constant(Vcpu const& vcpu, u32 index) {
    pv::CpuidGuest const guest{.privileged = vcpu.domain->privileged, .tsc_is_stable = hal::tsc_is_stable()};
    return pv::constant_msr(hal::cpuid, guest, index);
}
Result<u64> read_msr(Vcpu& vcpu, u32 index) {
    switch (index) {
        case msr::fs_base:
        case msr::gs_base:         // of the kernel: the guest is in kernel mode
        case msr::kernel_gs_base:  // of its user space
        case msr::pat: return msr::read(index);
        case msr::efer: return msr::read(index) & ~(msr::efer_svme | msr::efer_aibrse);
        case msr::apic_base: return apic_base_value | (vcpu.id.value == 0 ? apic_base_bsp : 0);
        case msr::tsc: return hal::read_tsc();
        case msr::tsc_aux: return vcpu.tsc_aux;
        case msr::microcode:
            if (Result<u64> revision = msr::try_read(index)) return revision;
            break;
        case msr::decode_configuration:  // Linux 5.4 takes LFENCE for serializing only if its write is seen
            if (Result<u64> value = msr::try_read(index)) return *value & msr::lfence_serializes;
            break;
        default: break;
    }
    if (std::optional<u64> value = constant(vcpu, index)) return *value;
    // Before the guest can take a #GP, a refusal would be its end.
    if (vcpu.traps[general_protection].address == 0) return u64{0};
    return Errno::perm;
}

bool write_msr(Vcpu& vcpu, u32 index, u64 value) {
    switch (index) {
        case msr::fs_base:
        case msr::gs_base:
        case msr::kernel_gs_base:
            if (!is_canonical(value)) return false;
            msr::write(index, value);
            return true;
        case msr::efer: return value == (msr::read(index) & ~(msr::efer_svme | msr::efer_aibrse));
        case msr::pat: return value == msr::read(index);
        case msr::tsc_aux:
            if (value >> 32 || !features::found.rdtscp) return false;
            vcpu.tsc_aux = this_cpu().tsc_aux = value;
            msr::write(index, value);
            return true;
        case msr::microcode:
        case msr::decode_configuration:
            if (msr::try_read(index)) return true;  // vanishes
            break;
        default: break;
    }
    return constant(vcpu, index) || vcpu.traps[general_protection].address == 0;
}
Emulated for_kernel(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction) {
    u32 index = static_cast<u32>(regs.rcx);  // of what RDMSR, WRMSR and XSETBV are about
    switch (instruction.operation) {
        case Operation::read_control: return read_control(vcpu, regs, instruction);
        case Operation::write_control: return write_control(vcpu, regs, instruction);
        case Operation::read_debug: return read_debug(vcpu, regs, instruction);
        case Operation::write_debug: return write_debug(vcpu, regs, instruction);
        case Operation::read_msr: {
            Result<u64> value = read_msr(vcpu, index);
            if (value) set_pair(regs, *value);
            return done_if(bool(value));
        }
        case Operation::write_msr: return done_if(write_msr(vcpu, index, pair(regs)));
        case Operation::read_tscp: regs.rcx = vcpu.tsc_aux & 0xffff'ffff; [[fallthrough]];
        case Operation::read_tsc: set_pair(regs, hal::read_tsc()); return Emulated::done;
        case Operation::clear_task_switched: set_virtual_ts(vcpu, false); return Emulated::done;
        case Operation::flush_caches: return Emulated::done;  // caches are coherent for all a guest can do
        case Operation::set_xcr:
            if (index != 0 || !pv::is_valid_xcr0(hal::cpuid, pair(regs))) return Emulated::refused;
            xstate::set_xcr0(vcpu, pair(regs));
            return Emulated::done;
        default: return Emulated::refused;
    }
}
}  // namespace

FetchedCode fetch_code(abi::CpuUserRegs const& regs) {
    FetchedCode code;
    // Only a page border can make the second half unreadable while the first one is there.
    usize to_border = page_size - (regs.rip & (page_size - 1));
    usize first = to_border < code.bytes.size() ? to_border : code.bytes.size();
    if (!is_guest_range(regs.rip, first) || !hal::copy_from_guest(code.bytes.data(), regs.rip, first)) return code;
    code.size = first;
    usize rest = code.bytes.size() - first;
    if (rest && is_guest_range(regs.rip + first, rest) &&
        hal::copy_from_guest(code.bytes.data() + first, regs.rip + first, rest))
        code.size += rest;
    return code;
}

void emulate_cpuid(Vcpu const& vcpu, abi::CpuUserRegs& regs) {
    pv::CpuidGuest guest{.privileged = vcpu.domain->privileged,
                         .vcpu = vcpu.id,
                         .xcr0 = vcpu.xcr0,
                         .address_bits = static_cast<u32>(hal::max_address_bits()),
                         .tsc_khz = static_cast<u32>(hal::tsc_khz()),
                         .tsc_is_stable = hal::tsc_is_stable()};
    CpuidLeaf leaf = pv::guest_cpuid(hal::cpuid, guest, static_cast<u32>(regs.rax), static_cast<u32>(regs.rcx));
    regs.rax = leaf.eax;
    regs.rbx = leaf.ebx;
    regs.rcx = leaf.ecx;
    regs.rdx = leaf.edx;
}

Emulated emulate_privileged(Vcpu& vcpu, abi::CpuUserRegs& regs) {
    FetchedCode code = fetch_code(regs);
    Result<Instruction> instruction = pv::decode(code.view(), regs, {});
    if (!instruction) return Emulated::refused;

    Emulated outcome = Emulated::refused;
    switch (instruction->operation) {
        case Operation::port_in:
        case Operation::port_out:
        case Operation::port_in_string:
        case Operation::port_out_string: return emulate_port(vcpu, regs, *instruction);
        case Operation::clear_interrupts:
        case Operation::set_interrupts:
            // Without effect where the virtual IOPL permits them: events are masked in vcpu_info, not by RFLAGS.IF.
            outcome = done_if(vcpu.has_io_privilege());
            break;
        default:
            if (instruction->operation == Operation::set_xcr && !(vcpu.cr4 & pv::cr4_osxsave)) {
                deliver_exception(vcpu, regs, invalid_opcode);
                return Emulated::elsewhere;
            }
            if (vcpu.in_kernel) outcome = for_kernel(vcpu, regs, *instruction);
    }
    if (outcome == Emulated::done) regs.rip += instruction->length;
    return outcome;
}
}  // namespace hv::x86

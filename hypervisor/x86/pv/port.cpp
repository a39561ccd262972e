// SPDX-License-Identifier: MIT
// IN, OUT, INS and OUTS of guests: who may, and the instructions themselves (Intel SDM volume 1, chapter 19).
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "x86/entry/deliver.hpp"
#include "x86/mm/tlb.hpp"
#include "x86/pv/port_policy.hpp"
#include "x86/pv/priv_op.hpp"

namespace hv::x86 {
namespace {
using pv::Instruction;
using pv::Operation;

constexpr u64 direction_flag = 1u << 10;
constexpr u64 write_fault = 1u << 1;

// Guest memory as the guest's kernel sees it, in whatever mode the vCPU is.
class KernelView {
public:
    explicit KernelView(Vcpu const& vcpu) : vcpu_{vcpu} {
        if (!vcpu_.in_kernel) x86_tlb::load_root(vcpu_.kernel_root);
    }
    KernelView(KernelView const&) = delete;
    ~KernelView() {
        if (!vcpu_.in_kernel) x86_tlb::load_root(vcpu_.user_root);
    }

private:
    Vcpu const& vcpu_;
};

// A set bit forbids; what is not in the bitmap or cannot be read is forbidden. The bitmap is at an address of the
// kernel's: in the user root there is nothing, or what a program has put there.
bool bitmap_permits(Vcpu const& vcpu, u32 port, u32 size) {
    if (port + size > vcpu.io_bitmap_ports) return false;
    KernelView const view{vcpu};
    for (u32 p = port; p < port + size; ++p) {
        Result<u8> byte = copy_in(guest_ptr<u8>{vcpu.io_bitmap + p / 8});
        if (!byte || (*byte >> (p % 8) & 1)) return false;
    }
    return true;
}

bool may_use_port(Vcpu const& vcpu, u32 port, u32 size) {
    return vcpu.has_io_privilege() || bitmap_permits(vcpu, port, size);
}

void advance(abi::CpuUserRegs& regs, u32 number, Instruction const& instruction, u64 by) {
    u64 value = pv::read_gpr(regs, number) + by;
    pv::write_gpr(regs, number, instruction.address_size == 4 ? value & 0xffff'ffff : value);
}

// One element; a repeated one comes back for the next, and takes its events in between.
Emulated string_operation(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction, u16 port) {
    constexpr u32 rcx = 1, rsi = 6, rdi = 7;
    bool input = instruction.operation == Operation::port_in_string;
    u64 address = input ? instruction.destination.value : instruction.source.value;
    u32 value = 0;
    bool accessible =
        is_guest_range(address, instruction.size) && hal::copy_from_guest(&value, address, instruction.size);
    if (accessible && !input) write_port(vcpu, port, instruction.size, value);
    if (accessible && input) {
        accessible = hal::copy_to_guest(address, &value, instruction.size);  // tried: what a device has given is gone
        if (accessible) value = read_port(vcpu, port, instruction.size);
        accessible = accessible && hal::copy_to_guest(address, &value, instruction.size);
    }
    if (!accessible) {
        deliver_page_fault(vcpu, regs, address, input ? write_fault : 0);
        return Emulated::elsewhere;
    }
    u64 step = instruction.size;
    advance(regs, input ? rdi : rsi, instruction, regs.rflags & direction_flag ? u64{0} - step : step);
    if (!instruction.repeat) return Emulated::done;
    advance(regs, rcx, instruction, ~u64{0});
    return Emulated::elsewhere;
}
}  // namespace

Emulated emulate_port(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction) {
    bool input = instruction.operation == Operation::port_in || instruction.operation == Operation::port_in_string;
    bool string =
        instruction.operation == Operation::port_in_string || instruction.operation == Operation::port_out_string;
    pv::Operand number = input ? instruction.source : instruction.destination;
    u16 port = static_cast<u16>(pv::read_operand(regs, number, 2));
    u64 count = instruction.address_size == 4 ? regs.rcx & 0xffff'ffff : regs.rcx;
    bool nothing_left = instruction.repeat && count == 0;  // that needs no privilege
    if (!nothing_left && !may_use_port(vcpu, port, instruction.size)) return Emulated::refused;
    if (!nothing_left && let_through(vcpu, port, instruction.size)) return Emulated::elsewhere;

    Emulated outcome = Emulated::done;
    if (string) {
        if (!nothing_left) outcome = string_operation(vcpu, regs, instruction, port);
    } else if (input) {
        pv::write_operand(regs, instruction.destination, instruction.size, read_port(vcpu, port, instruction.size));
    } else {
        u64 value = pv::read_operand(regs, instruction.source, instruction.size);
        write_port(vcpu, port, instruction.size, static_cast<u32>(value));
    }
    if (outcome == Emulated::done) regs.rip += instruction.length;
    return outcome;
}
}  // namespace hv::x86

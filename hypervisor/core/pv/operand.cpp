// SPDX-License-Identifier: MIT
#include "core/pv/operand.hpp"

namespace hv::pv {
namespace {
// Where each register of an encoding lies in the frame.
constexpr u64 abi::CpuUserRegs::*gpr_members[16] = {
    &abi::CpuUserRegs::rax, &abi::CpuUserRegs::rcx, &abi::CpuUserRegs::rdx, &abi::CpuUserRegs::rbx,
    &abi::CpuUserRegs::rsp, &abi::CpuUserRegs::rbp, &abi::CpuUserRegs::rsi, &abi::CpuUserRegs::rdi,
    &abi::CpuUserRegs::r8,  &abi::CpuUserRegs::r9,  &abi::CpuUserRegs::r10, &abi::CpuUserRegs::r11,
    &abi::CpuUserRegs::r12, &abi::CpuUserRegs::r13, &abi::CpuUserRegs::r14, &abi::CpuUserRegs::r15,
};
}  // namespace

u64 read_gpr(abi::CpuUserRegs const& regs, u32 number) { return regs.*gpr_members[number & 15]; }
void write_gpr(abi::CpuUserRegs& regs, u32 number, u64 value) { regs.*gpr_members[number & 15] = value; }

u64 read_operand(abi::CpuUserRegs const& regs, Operand operand, u32 size) {
    u64 number = operand.value;
    switch (operand.place) {
        case Operand::Place::gpr: return read_gpr(regs, static_cast<u32>(number)) & size_mask(size);
        case Operand::Place::high_byte: return read_gpr(regs, static_cast<u32>(number)) >> 8 & 0xff;
        case Operand::Place::immediate: return number & size_mask(size);
        default: return 0;
    }
}

void write_operand(abi::CpuUserRegs& regs, Operand operand, u32 size, u64 value) {
    u32 number = static_cast<u32>(operand.value);
    u64 old = read_gpr(regs, number);
    u64 mask = size_mask(size);
    if (operand.place == Operand::Place::high_byte) write_gpr(regs, number, (old & ~u64{0xff00}) | (value & 0xff) << 8);
    else if (operand.place == Operand::Place::gpr)
        write_gpr(regs, number, size == 4 ? value & mask : (old & ~mask) | (value & mask));
}
}  // namespace hv::pv

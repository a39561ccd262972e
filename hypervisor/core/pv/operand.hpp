// SPDX-License-Identifier: MIT
// Operands of decoded instructions, and registers by the numbers that encodings give them.
#pragma once
#include "base/types.hpp"
#include "public/vcpu.hpp"

namespace hv::pv {
struct Operand {
    enum class Place : u8 {
        none,
        gpr,        // value: register number, as encoded (0 rax, 1 rcx, … 15 r15)
        high_byte,  // value: register number 0-3 of which bits 8-15 are meant
        memory,     // value: linear address, canonical over the whole operand
        immediate,  // value: sign-extended
    };
    Place place = Place::none;
    u64 value = 0;
};

// General registers by their number in an encoding.
u64 read_gpr(abi::CpuUserRegs const& regs, u32 number);
void write_gpr(abi::CpuUserRegs& regs, u32 number, u64 value);

// The value of a register or immediate operand, cut to `size` bytes.
u64 read_operand(abi::CpuUserRegs const& regs, Operand operand, u32 size);
// Writes as the processor does: 4-byte results clear the upper half, shorter ones keep the rest.
void write_operand(abi::CpuUserRegs& regs, Operand operand, u32 size, u64 value);

constexpr u64 size_mask(u32 size) { return size >= 8 ? ~u64{0} : (u64{1} << (size * 8)) - 1; }
}  // namespace hv::pv

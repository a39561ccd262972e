// SPDX-License-Identifier: MIT
// Operands of decoded instructions.
#pragma once
#include "core/pv/registers.hpp"

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

constexpr u64 size_mask(u32 size) { return size >= 8 ? ~u64{0} : (u64{1} << (size * 8)) - 1; }

// General registers by their number in an encoding.
inline u64 read_gpr(abi::CpuUserRegs const& regs, u64 number) { return general_register(regs, number); }
inline void write_gpr(abi::CpuUserRegs& regs, u64 number, u64 value) { general_register(regs, number) = value; }

// The value of a register or immediate operand, cut to `size` bytes.
inline u64 read_operand(abi::CpuUserRegs const& regs, Operand operand, u32 size) {
    switch (operand.place) {
        case Operand::Place::gpr: return read_gpr(regs, operand.value) & size_mask(size);
        case Operand::Place::high_byte: return read_gpr(regs, operand.value) >> 8 & 0xff;
        case Operand::Place::immediate: return operand.value & size_mask(size);
        default: return 0;
    }
}

// Writes as the processor does: 4-byte results clear the upper half, shorter ones keep the rest.
inline void write_operand(abi::CpuUserRegs& regs, Operand operand, u32 size, u64 value) {
    bool high = operand.place == Operand::Place::high_byte;
    if (!high && operand.place != Operand::Place::gpr) return;
    u64& whole = general_register(regs, operand.value);
    u64 written = high ? 0xff00 : size == 4 ? ~u64{0} : size_mask(size);
    whole = (whole & ~written) | (high ? value << 8 & 0xff00 : value & size_mask(size));
}
}  // namespace hv::pv

// SPDX-License-Identifier: MIT
// What a decoded memory-writing instruction does, as a function of the operand's old value. The caller stores the new
// value with a compare-and-exchange on the real entry and asks again if that lost a race; only then it applies the
// rest.
#pragma once
#include "core/pv/decode.hpp"

namespace hv::pv {
struct Effect {
    u64 memory = 0;  // the operand's new value, `size` bytes of it
    u64 rflags = 0;  // the whole new rflags
    Operand result;  // a register that receives something, or none
    u64 result_value = 0;
};

// `instruction.operation` must be one that writes memory.
Effect execute(Instruction const& instruction, abi::CpuUserRegs const& regs, u64 old_value);

// Registers, flags and rip after it.
void retire(Instruction const& instruction, Effect const& effect, abi::CpuUserRegs& regs);

// An operand that is part of an aligned eight-byte entry.
constexpr bool is_within_entry(u64 address, u32 size) { return (address & 7) + size <= 8; }
constexpr u64 part_of_entry(u64 entry, u64 address, u32 size) { return entry >> ((address & 7) * 8) & size_mask(size); }
constexpr u64 merge_into_entry(u64 entry, u64 address, u32 size, u64 value) {
    u64 shift = (address & 7) * 8;
    u64 mask = size_mask(size) << shift;
    return (entry & ~mask) | (value << shift & mask);
}
}  // namespace hv::pv

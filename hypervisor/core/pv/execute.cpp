// SPDX-License-Identifier: MIT
#include "core/pv/execute.hpp"

namespace hv::pv {
namespace {
u64 flag_if(bool condition, u64 bit) { return condition ? bit : 0; }

u64 result_flags(u64 result, u32 size) {
    u64 sign_bit = u64{1} << (size * 8 - 1);
    return flag_if((__builtin_popcountll(result & 0xff) & 1) == 0, rflags::parity) |
           flag_if(result == 0, rflags::zero) | flag_if((result & sign_bit) != 0, rflags::sign);
}

Effect with_flags(u64 memory, u64 rflags, u64 flags, u64 affected = rflags::arithmetic) {
    return {.memory = memory, .rflags = (rflags & ~affected) | (flags & affected), .result = {}, .result_value = 0};
}
Effect with_result(Effect effect, Operand result, u64 value) {
    effect.result = result;
    effect.result_value = value;
    return effect;
}

// Operands are cut to `size` bytes; `carry` is 0 or 1.
Effect sum(u64 a, u64 b, u64 carry, u32 size, u64 rflags, u64 affected = rflags::arithmetic) {
    u64 sign_bit = u64{1} << (size * 8 - 1);
    u64 sum = (a + b + carry) & size_mask(size);
    bool carried = sum < a || (carry != 0 && sum == a);
    u64 flags = result_flags(sum, size) | flag_if(carried, rflags::carry) | ((a ^ b ^ sum) & rflags::adjust) |
                flag_if(((a ^ sum) & (b ^ sum) & sign_bit) != 0, rflags::overflow);
    return with_flags(sum, rflags, flags, affected);
}
// a - b - borrow is not (not a + b + borrow), with the same carry and overflow.
Effect difference(u64 a, u64 b, u64 borrow, u32 size, u64 rflags, u64 affected = rflags::arithmetic) {
    u64 mask = size_mask(size);
    Effect inverted = sum(~a & mask, b, borrow, size, rflags, affected);
    u64 value = ~inverted.memory & mask;
    u64 by_value = (rflags::parity | rflags::zero | rflags::sign) & affected;
    return with_flags(value, inverted.rflags, result_flags(value, size), by_value);
}

// Bit tests leave all flags but carry as they are.
Effect bit_test(u64 old_value, u64 new_value, u64 bit, u64 rflags) {
    return with_flags(new_value, rflags, flag_if((old_value & bit) != 0, rflags::carry), rflags::carry);
}
}  // namespace

Effect execute(Instruction const& instruction, abi::CpuUserRegs const& regs, u64 old_value) {
    u32 size = instruction.size;
    u64 mask = size_mask(size);
    u64 old = old_value & mask;
    u64 source = read_operand(regs, instruction.source, size);
    u64 carry = regs.rflags & rflags::carry;
    u64 bit = u64{1} << (instruction.source.value & 63);  // bit tests: reduced by the decoder
    u64 rflags = regs.rflags;
    constexpr u64 all_but_carry = rflags::arithmetic & ~rflags::carry;

    switch (instruction.operation) {
        case Operation::exchange: return with_result(with_flags(source, rflags, 0, 0), instruction.source, old);
        case Operation::exchange_add: return with_result(sum(old, source, 0, size, rflags), instruction.source, old);
        case Operation::compare_exchange: {
            bool equal = (regs.rax & mask) == old;
            Effect effect = difference(regs.rax & mask, old, 0, size, rflags);
            effect.memory = equal ? source : old;
            return with_result(effect, {equal ? Operand::Place::none : Operand::Place::gpr, 0}, old);
        }
        case Operation::add: return sum(old, source, 0, size, rflags);
        case Operation::add_carry: return sum(old, source, carry, size, rflags);
        case Operation::subtract: return difference(old, source, 0, size, rflags);
        case Operation::subtract_borrow: return difference(old, source, carry, size, rflags);
        case Operation::negate: return difference(0, old, 0, size, rflags);
        case Operation::increment: return sum(old, 1, 0, size, rflags, all_but_carry);
        case Operation::decrement: return difference(old, 1, 0, size, rflags, all_but_carry);
        case Operation::bit_or: return with_flags(old | source, rflags, result_flags(old | source, size));
        case Operation::bit_and: return with_flags(old & source, rflags, result_flags(old & source, size));
        case Operation::bit_xor: return with_flags(old ^ source, rflags, result_flags(old ^ source, size));
        case Operation::complement: return with_flags(~old & mask, rflags, 0, 0);
        case Operation::bit_test_set: return bit_test(old, old | bit, bit, rflags);
        case Operation::bit_test_reset: return bit_test(old, old & ~bit, bit, rflags);
        case Operation::bit_test_complement: return bit_test(old, old ^ bit, bit, rflags);
        default: return with_flags(source, rflags, 0, 0);  // store
    }
}

void retire(Instruction const& instruction, Effect const& effect, abi::CpuUserRegs& regs) {
    write_operand(regs, effect.result, instruction.size, effect.result_value);
    regs.rflags = effect.rflags & ~rflags::resume;  // cleared after every successful instruction
    regs.rip += instruction.length;
}
}  // namespace hv::pv

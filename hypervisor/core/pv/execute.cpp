// SPDX-License-Identifier: MIT
#include "core/pv/execute.hpp"
#include "core/pv/trap_frame.hpp"

namespace hv::pv {
namespace {
using Place = Operand::Place;

namespace flag {
constexpr u64 carry = 1u << 0;
constexpr u64 parity = 1u << 2;
constexpr u64 adjust = 1u << 4;
constexpr u64 zero = 1u << 6;
constexpr u64 sign = 1u << 7;
constexpr u64 overflow = 1u << 11;
constexpr u64 arithmetic = carry | parity | adjust | zero | sign | overflow;
}  // namespace flag

u64 flag_if(bool condition, u64 bit) { return condition ? bit : 0; }

u64 result_flags(u64 result, u32 size) {
    u64 sign_bit = u64{1} << (size * 8 - 1);
    return flag_if((__builtin_popcountll(result & 0xff) & 1) == 0, flag::parity) | flag_if(result == 0, flag::zero) |
           flag_if((result & sign_bit) != 0, flag::sign);
}

struct Sum {
    u64 value;
    u64 flags;
};

// Operands are cut to `size` bytes; `carry` is 0 or 1.
Sum add(u64 a, u64 b, u64 carry, u32 size) {
    u64 sign_bit = u64{1} << (size * 8 - 1);
    u64 sum = (a + b + carry) & size_mask(size);
    bool carried = sum < a || (carry != 0 && sum == a);
    return {sum, result_flags(sum, size) | flag_if(carried, flag::carry) | ((a ^ b ^ sum) & flag::adjust) |
                     flag_if(((a ^ sum) & (b ^ sum) & sign_bit) != 0, flag::overflow)};
}
Sum subtract(u64 a, u64 b, u64 borrow, u32 size) {
    u64 sign_bit = u64{1} << (size * 8 - 1);
    u64 difference = (a - b - borrow) & size_mask(size);
    bool borrowed = a < b || (borrow != 0 && a == b);
    return {difference, result_flags(difference, size) | flag_if(borrowed, flag::carry) |
                            ((a ^ b ^ difference) & flag::adjust) |
                            flag_if(((a ^ b) & (a ^ difference) & sign_bit) != 0, flag::overflow)};
}

Effect with_flags(u64 memory, u64 rflags, u64 flags, u64 affected = flag::arithmetic) {
    return {.memory = memory, .rflags = (rflags & ~affected) | flags, .result = {}, .result_value = 0};
}
Effect from_sum(Sum sum, u64 rflags, u64 affected = flag::arithmetic) {
    return with_flags(sum.value, rflags, sum.flags & affected, affected);
}
Effect from_logic(u64 result, u64 rflags, u32 size) { return with_flags(result, rflags, result_flags(result, size)); }

// Bit tests leave all flags but carry as they are.
Effect from_bit(u64 old_value, u64 new_value, u64 bit, u64 rflags) {
    return with_flags(new_value, rflags, flag_if((old_value & bit) != 0, flag::carry), flag::carry);
}

Effect compare_exchange(Instruction const& instruction, u64 rflags, u64 accumulator, u64 old_value, u64 source) {
    u32 size = instruction.size;
    Effect effect = from_sum(subtract(accumulator, old_value, 0, size), rflags);
    if (accumulator == old_value) {
        effect.memory = source;
        return effect;
    }
    effect.memory = old_value;
    effect.result = {Place::gpr, 0};
    effect.result_value = old_value;
    return effect;
}
}  // namespace

Effect execute(Instruction const& instruction, abi::CpuUserRegs const& regs, u64 old_value) {
    u32 size = instruction.size;
    u64 mask = size_mask(size);
    u64 old = old_value & mask;
    u64 source = read_operand(regs, instruction.source, size);
    u64 carry = regs.rflags & flag::carry;
    u64 bit = u64{1} << (instruction.source.value & 63);  // bit tests: reduced by the decoder
    u64 rflags = regs.rflags;

    switch (instruction.operation) {
        case Operation::exchange: {
            Effect effect = with_flags(source, rflags, 0, 0);
            effect.result = instruction.source;
            effect.result_value = old;
            return effect;
        }
        case Operation::exchange_add: {
            Effect effect = from_sum(add(old, source, 0, size), rflags);
            effect.result = instruction.source;
            effect.result_value = old;
            return effect;
        }
        case Operation::compare_exchange: return compare_exchange(instruction, rflags, regs.rax & mask, old, source);
        case Operation::add: return from_sum(add(old, source, 0, size), rflags);
        case Operation::add_carry: return from_sum(add(old, source, carry, size), rflags);
        case Operation::subtract: return from_sum(subtract(old, source, 0, size), rflags);
        case Operation::subtract_borrow: return from_sum(subtract(old, source, carry, size), rflags);
        case Operation::negate: return from_sum(subtract(0, old, 0, size), rflags);
        case Operation::increment: return from_sum(add(old, 1, 0, size), rflags, flag::arithmetic & ~flag::carry);
        case Operation::decrement: return from_sum(subtract(old, 1, 0, size), rflags, flag::arithmetic & ~flag::carry);
        case Operation::bit_or: return from_logic(old | source, rflags, size);
        case Operation::bit_and: return from_logic(old & source, rflags, size);
        case Operation::bit_xor: return from_logic(old ^ source, rflags, size);
        case Operation::complement: return with_flags(~old & mask, rflags, 0, 0);
        case Operation::bit_test_set: return from_bit(old, old | bit, bit, rflags);
        case Operation::bit_test_reset: return from_bit(old, old & ~bit, bit, rflags);
        case Operation::bit_test_complement: return from_bit(old, old ^ bit, bit, rflags);
        default: return with_flags(source, rflags, 0, 0);  // store
    }
}

void retire(Instruction const& instruction, Effect const& effect, abi::CpuUserRegs& regs) {
    if (effect.result.place != Place::none) write_operand(regs, effect.result, instruction.size, effect.result_value);
    regs.rflags = effect.rflags & ~rflags::resume;  // cleared after every successful instruction
    regs.rip += instruction.length;
}
}  // namespace hv::pv

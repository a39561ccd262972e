// SPDX-License-Identifier: MIT
// Decodes the instructions of 64-bit code that a PV kernel may need emulated: those that write to memory (native stores
// to page tables that are mapped read-only) and those that are privileged and fault in ring 3. Pure: bytes and
// registers in, a value out. Encodings after Intel SDM volume 2, chapters 2 to 6 and appendix A.
#pragma once
#include <span>
#include "core/pv/operand.hpp"
#include "portable/base/result.hpp"

namespace hv::pv {
inline constexpr u32 max_instruction_bytes = 15;

enum class Operation : u8 {
    none,
    // write one memory operand; see core/pv/execute.hpp
    store,
    exchange,
    compare_exchange,
    exchange_add,
    add,
    bit_or,
    add_carry,
    subtract_borrow,
    bit_and,
    subtract,
    bit_xor,
    increment,
    decrement,
    complement,
    negate,
    bit_test_set,
    bit_test_reset,
    bit_test_complement,
    // privileged
    port_in,
    port_out,
    port_in_string,
    port_out_string,
    clear_interrupts,
    set_interrupts,
    clear_task_switched,
    flush_caches,  // WBINVD, WBNOINVD
    read_control,
    write_control,
    read_debug,
    write_debug,
    read_msr,
    write_msr,
    read_tsc,
    read_tscp,
    set_xcr,
};
constexpr bool writes_memory(Operation operation) { return operation <= Operation::bit_test_complement; }

struct Instruction {
    Operation operation{};
    u8 length = 0;        // bytes, prefixes included
    u8 size = 0;          // bytes of the operands
    u8 address_size = 8;  // 4 with the prefix: string operations count and index with the low halves
    bool lock = false;    // must be one atomic access; XCHG always is
    bool repeat = false;  // string operations: REP
    u8 index = 0;         // control or debug register
    Operand destination;
    Operand source;
};

struct SegmentBases {
    u64 fs = 0;
    u64 gs = 0;
};

// `bytes`: what could be fetched at regs.rip, at most 15 count. Errors: nodata, the instruction goes on behind them;
// toobig, longer than 15 bytes; fault, its memory operand is not canonical; opnotsupp, it is none of the above.
Result<Instruction> decode(std::span<u8 const> bytes, abi::CpuUserRegs const& regs, SegmentBases bases);
}  // namespace hv::pv

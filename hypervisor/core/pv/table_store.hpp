// SPDX-License-Identifier: MIT
// The few instructions with which kernels really write to live page-table entries: MOV and XCHG of a whole entry, LOCK
// AND of one byte, LOCK BTR. Found and done in a tenth of the time of decode.hpp and execute.hpp, which know the rest;
// a test compares the two.
#pragma once
#include "core/pv/registers.hpp"

namespace hv::pv {
struct TableStore {
    enum class Kind : u8 { none, store, exchange, and_byte, reset_bit };
    Kind kind = Kind::none;  // none: not one of these
    u8 length = 0;
    u8 operand = 0;  // register number, mask, or bit number

    constexpr bool is_whole_entry() const { return kind != Kind::and_byte; }
};

// Sixteen bytes as fetched from rip. Operand sizes are eight bytes but for and_byte, which has one.
TableStore decode_table_store(u8 const* bytes);

// The entry's new value. `byte` says which byte and_byte means.
inline u64 new_entry(TableStore store, abi::CpuUserRegs& regs, u64 old, u32 byte) {
    switch (store.kind) {
        case TableStore::Kind::and_byte: return old & ~(u64{static_cast<u8>(~store.operand)} << (byte * 8));
        case TableStore::Kind::reset_bit: return old & ~(u64{1} << (store.operand & 63));
        default: return general_register(regs, store.operand);
    }
}

// Registers, flags and rip after the store replaced `old` by `fresh`.
void retire(TableStore store, abi::CpuUserRegs& regs, u64 old, u64 fresh, u32 byte);
}  // namespace hv::pv

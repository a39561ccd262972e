// SPDX-License-Identifier: MIT
#include "core/pv/table_store.hpp"

namespace hv::pv {
namespace {
// Bytes of ModRM, SIB and displacement; 0 if the operand is a register.
u32 operand_length(u8 const* modrm) {
    u32 mode = *modrm >> 6;
    u32 base = *modrm & 7u;
    u32 length = 1;
    if (mode == 3) return 0;
    if (base == 4) base = modrm[length++] & 7u;
    if (mode == 1) return length + 1;
    return mode == 2 || base == 5 ? length + 4 : length;  // without a mode, base 5 means rip or an absolute address
}
}  // namespace

TableStore decode_table_store(u8 const* bytes) {
    u8 const* at = bytes;
    bool lock = *at == 0xf0;
    if (lock) ++at;
    u32 rex = (*at & 0xf0u) == 0x40 ? *at++ : 0u;
    bool wide = (rex & 8) != 0;
    u32 opcode = *at++;
    if (opcode == 0x0f) opcode = 0x0f00u | *at++;
    u32 operand = operand_length(at);
    if (operand == 0) return {};
    u32 reg = *at >> 3 & 7u;
    u8 const* behind = at + operand;

    TableStore store;
    u8 gpr = static_cast<u8>(reg | (rex & 4) << 1);
    if (opcode == 0x89 && wide && !lock) store = {TableStore::Kind::store, 0, gpr};
    else if (opcode == 0x87 && wide) store = {TableStore::Kind::exchange, 0, gpr};
    else if (opcode == 0x80 && reg == 4) store = {TableStore::Kind::and_byte, 0, *behind++};
    else if (opcode == 0x0fba && reg == 6 && wide) store = {TableStore::Kind::reset_bit, 0, *behind++};
    store.length = static_cast<u8>(behind - bytes);
    return store;
}

void retire(TableStore store, abi::CpuUserRegs& regs, u64 old, u64 fresh, u32 byte) {
    switch (store.kind) {
        case TableStore::Kind::exchange: general_register(regs, store.operand) = old; break;
        case TableStore::Kind::and_byte: {
            u8 result = static_cast<u8>(fresh >> (byte * 8));
            regs.rflags &= ~rflags::arithmetic;
            if (!(__builtin_popcount(result) & 1)) regs.rflags |= rflags::parity;
            if (result == 0) regs.rflags |= rflags::zero;
            if (result & 0x80) regs.rflags |= rflags::sign;
            break;
        }
        case TableStore::Kind::reset_bit:
            regs.rflags = (regs.rflags & ~rflags::carry) | (old >> (store.operand & 63) & 1);
            break;
        default: break;
    }
    regs.rip += store.length;
}
}  // namespace hv::pv

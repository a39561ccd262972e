// SPDX-License-Identifier: MIT
// The short decoder of page-table writes against the full one, over random instructions of its four kinds.
#include "core/pv/table_store.hpp"

#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "core/pv/execute.hpp"

namespace {
using namespace hv;
using pv::TableStore;

constexpr u64 arithmetic_but_adjust = 0x8c5;  // AND leaves the adjust flag undefined

struct Case {
    std::array<u8, 16> bytes{};
    abi::CpuUserRegs regs{};
};

class TableStoreTest : public testing::Test {
protected:
    u64 random() { return generator_(); }
    bool maybe() { return random() & 1; }

    // Registers small enough that every address is canonical, but for the one whose value is stored.
    Case make(std::initializer_list<u8> opcode, bool lock, bool wide, int extension, bool immediate) {
        Case result;
        usize at = 0;
        if (lock) result.bytes[at++] = 0xf0;
        u8 rex = static_cast<u8>(0x40 | (wide ? 8 : 0) | (random() & 7));
        if (wide || maybe()) result.bytes[at++] = rex;
        for (u8 byte : opcode) result.bytes[at++] = byte;
        u8 modrm = static_cast<u8>(random());
        if (extension >= 0) modrm = static_cast<u8>((modrm & 0xc7) | extension << 3);
        result.bytes[at++] = modrm;
        for (; at < result.bytes.size(); ++at) result.bytes[at] = static_cast<u8>(random());
        if (immediate && maybe()) result.bytes[15] = 0;
        for (u32 number = 0; number < 16; ++number) pv::general_register(result.regs, number) = random() >> 20;
        result.regs.rip = 0xffff'ffff'8100'0000;
        result.regs.rflags = 0x246;
        return result;
    }

    // Compares one instruction; false if the full decoder refuses it.
    bool same(Case const& one) {
        TableStore store = pv::decode_table_store(one.bytes.data());
        Result<pv::Instruction> full = pv::decode(one.bytes, one.regs, {});
        if (store.kind == TableStore::Kind::none) return false;
        if (!full) return false;  // an address that is not canonical: hardware would not have got to the fault
        if (full->destination.place != pv::Operand::Place::memory) {
            ADD_FAILURE() << "a register operand was taken for memory";
            return false;
        }
        EXPECT_EQ(store.length, full->length);
        EXPECT_EQ(store.is_whole_entry() ? 8 : 1, full->size);

        u64 old = random();
        u32 byte = store.is_whole_entry() ? 0 : random() & 7;
        abi::CpuUserRegs ours = one.regs, theirs = one.regs;
        u64 fresh = pv::new_entry(store, ours, old, byte);
        pv::Effect effect = pv::execute(*full, theirs, pv::part_of_entry(old, byte, full->size));
        EXPECT_EQ(fresh, pv::merge_into_entry(old, byte, full->size, effect.memory));
        pv::retire(store, ours, old, fresh, byte);
        pv::retire(*full, effect, theirs);
        EXPECT_EQ(ours.rflags & arithmetic_but_adjust, theirs.rflags & arithmetic_but_adjust);
        ours.rflags = theirs.rflags = 0;
        EXPECT_EQ(std::memcmp(&ours, &theirs, sizeof(ours)), 0);
        return true;
    }

    void compare(std::initializer_list<u8> opcode, bool may_lock, bool wide, int extension = -1,
                 bool immediate = false) {
        u32 compared = 0;
        for (u32 i = 0; i < 20'000; ++i)
            compared += same(make(opcode, may_lock && maybe(), wide, extension, immediate));
        EXPECT_GT(compared, 5'000u);
    }

private:
    std::mt19937_64 generator_{4711};
};

TEST_F(TableStoreTest, MovIsAsTheFullDecoderHasIt) { compare({0x89}, false, true); }
TEST_F(TableStoreTest, XchgIsAsTheFullDecoderHasIt) { compare({0x87}, true, true); }
TEST_F(TableStoreTest, AndOfAByteIsAsTheFullDecoderHasIt) { compare({0x80}, true, false, 4, true); }
TEST_F(TableStoreTest, BtrIsAsTheFullDecoderHasIt) { compare({0x0f, 0xba}, true, true, 6, true); }

TEST_F(TableStoreTest, OtherInstructionsAreLeftToTheFullDecoder) {
    for (std::array<u8, 4> bytes : {std::array<u8, 4>{0x89, 0x07},
                                    {0x48, 0x8b, 0x07},
                                    {0x48, 0x01, 0x07},
                                    {0xf0, 0x48, 0x89, 0x07},
                                    {0x66, 0x89, 0x07},
                                    {0x80, 0x0f, 0x01},
                                    {0x48, 0x89, 0xc7},
                                    {0x48, 0xc7, 0x07}}) {
        std::array<u8, 16> code{};
        std::memcpy(code.data(), bytes.data(), bytes.size());
        EXPECT_EQ(pv::decode_table_store(code.data()).kind, TableStore::Kind::none);
    }
}

// Random bytes: whatever the short decoder accepts, the full one reads alike.
TEST_F(TableStoreTest, RandomBytesAreNeverReadDifferently) {
    for (u32 i = 0; i < 200'000; ++i) {
        Case one;
        for (u8& byte : one.bytes) byte = static_cast<u8>(random());
        for (u32 number = 0; number < 16; ++number) pv::general_register(one.regs, number) = random() >> 20;
        one.regs.rflags = 0x246;
        same(one);
    }
}
}  // namespace

// SPDX-License-Identifier: MIT

#include "core/pv/decode.hpp"
#include "core/pv/execute.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {
using namespace hv;
using namespace hv::pv;
using Place = Operand::Place;

constexpr SegmentBases bases{.fs = 0x1000'0000, .gs = 0xffff'8880'0000'0000};

Result<Instruction> decode_bytes(std::vector<u8> const& bytes, abi::CpuUserRegs const& regs = {}) {
    return decode(bytes, regs, bases);
}

struct Case {
    std::vector<u8> bytes;
    Operation operation;
    u8 size = 0;
    u8 index = 0;
};

TEST(Decode, PrivilegedInstructions) {
    Case const cases[] = {
        {{0xe4, 0x61}, Operation::port_in, 1},
        {{0xe5, 0x61}, Operation::port_in, 4},
        {{0x66, 0xed}, Operation::port_in, 2},
        {{0x48, 0xed}, Operation::port_in, 4},
        {{0xee}, Operation::port_out, 1},
        {{0xe7, 0x80}, Operation::port_out, 4},
        {{0xf3, 0x6c}, Operation::port_in_string, 1},
        {{0x66, 0x6f}, Operation::port_out_string, 2},
        {{0xfa}, Operation::clear_interrupts},
        {{0xfb}, Operation::set_interrupts},
        {{0x0f, 0x06}, Operation::clear_task_switched},
        {{0x0f, 0x09}, Operation::flush_caches},
        {{0xf3, 0x0f, 0x09}, Operation::flush_caches},
        {{0x0f, 0x20, 0xc0}, Operation::read_control, 8, 0},
        {{0x0f, 0x20, 0xd7}, Operation::read_control, 8, 2},
        {{0x0f, 0x22, 0xe7}, Operation::write_control, 8, 4},
        {{0x44, 0x0f, 0x22, 0xc0}, Operation::write_control, 8, 8},
        {{0x0f, 0x21, 0xf0}, Operation::read_debug, 8, 6},
        {{0x0f, 0x23, 0xf8}, Operation::write_debug, 8, 7},
        {{0x0f, 0x30}, Operation::write_msr},
        {{0x0f, 0x32}, Operation::read_msr},
        {{0x0f, 0x31}, Operation::read_tsc},
        {{0x0f, 0x01, 0xf9}, Operation::read_tscp},
        {{0x0f, 0x01, 0xd1}, Operation::set_xcr},
    };
    for (Case const& expected : cases) {
        Result<Instruction> decoded = decode_bytes(expected.bytes);
        ASSERT_TRUE(decoded) << "first byte " << int{expected.bytes[0]};
        EXPECT_EQ(decoded->operation, expected.operation);
        EXPECT_EQ(decoded->length, expected.bytes.size());
        EXPECT_EQ(decoded->size, expected.size);
        EXPECT_EQ(decoded->index, expected.index);
        EXPECT_FALSE(writes_memory(decoded->operation));
    }
}

TEST(Decode, RefusesWhatItDoesNotKnow) {
    std::vector<u8> const unknown[] = {
        {0x90},              // nop
        {0x39, 0x03},        // cmp does not write
        {0x80, 0x3b, 0x01},  // cmp in group 1
        {0x89, 0xc3},        // register destination
        {0x87, 0xc3},
        {0xf0, 0x89, 0x03},  // lock mov: #UD
        {0xf0, 0xfa},
        {0x66, 0x0f, 0xc3, 0x03},                    // movnti has no 16-bit form
        {0xc6, 0x4b, 0x00, 0x00},                    // group 11 other than 0
        {0xff, 0x23},                                // jmp
        {0xf6, 0x03, 0x01},                          // test
        {0x0f, 0xba, 0x23, 0x01},                    // bt
        {0x0f, 0x20, 0xc8},                          // no CR1
        {0x44, 0x0f, 0x21, 0xc0},                    // no DR8
        {0x0f, 0x0b, 0x90, 0x90, 0x90, 0x90, 0x90},  // a plain ud2
        {0x0f, 0x08},                                // invd
        {0xf4},                                      // hlt
        {0x0f, 0x01, 0xf0},                          // lmsw
        {0xf3, 0x0f, 0x01, 0xd1},                    // xsetbv with a prefix
        {0x48, 0x0f, 0xc7, 0x0b},                    // cmpxchg16b
        {0x0f, 0x01, 0x13},                          // lgdt
    };
    for (std::vector<u8> const& bytes : unknown) {
        Result<Instruction> decoded = decode_bytes(bytes);
        ASSERT_FALSE(decoded) << "first bytes " << int{bytes[0]} << " " << int{bytes.back()};
        EXPECT_EQ(decoded.error(), Errno::opnotsupp);
    }
}

TEST(Decode, SaysWhenBytesAreMissing) {
    std::vector<u8> const whole{0xf0, 0x48, 0x81, 0x8c, 0x8b, 0x00, 0x00, 0x10, 0x00, 0x01, 0x02, 0x03, 0x04};
    for (usize length = 0; length < whole.size(); ++length) {
        Result<Instruction> decoded = decode_bytes({whole.begin(), whole.begin() + static_cast<long>(length)});
        ASSERT_FALSE(decoded);
        EXPECT_EQ(decoded.error(), Errno::nodata) << length;
    }
    EXPECT_TRUE(decode_bytes(whole));
}

TEST(Decode, RefusesMoreThanFifteenBytes) {
    std::vector<u8> bytes(13, 0x66);
    bytes.push_back(0x89);
    bytes.push_back(0x03);
    EXPECT_TRUE(decode_bytes(bytes));
    bytes.insert(bytes.begin(), 0x66);
    EXPECT_EQ(decode_bytes(bytes).error(), Errno::toobig);
}

TEST(Decode, RefusesNonCanonicalOperands) {
    abi::CpuUserRegs regs{};
    regs.rbx = 0x0000'7fff'ffff'fff8;
    EXPECT_TRUE(decode_bytes({0x48, 0x89, 0x03}, regs));
    regs.rbx += 1;  // the last byte leaves the lower half
    EXPECT_EQ(decode_bytes({0x48, 0x89, 0x03}, regs).error(), Errno::fault);
    EXPECT_TRUE(decode_bytes({0x88, 0x03}, regs));
    regs.rbx = 0x1234'5678'9abc'def0;
    EXPECT_EQ(decode_bytes({0x88, 0x03}, regs).error(), Errno::fault);
}

TEST(Decode, SegmentsAndShortAddresses) {
    abi::CpuUserRegs regs{};
    regs.rbx = 0xffff'ffff'0000'0100;
    EXPECT_EQ(decode_bytes({0x65, 0x88, 0x43, 0x08}, {})->destination.value, bases.gs + 8);
    EXPECT_EQ(decode_bytes({0x67, 0x64, 0x88, 0x03}, regs)->destination.value, bases.fs + 0x100);
    EXPECT_EQ(decode_bytes({0x2e, 0x88, 0x03}, regs)->destination.value, regs.rbx);  // CS: no effect
    EXPECT_EQ(decode_bytes({0xa2, 1, 2, 3, 4, 5, 0, 0, 0})->destination.value, 0x0504030201u);
}

TEST(Decode, RipRelativeCountsTheImmediate) {
    abi::CpuUserRegs regs{};
    regs.rip = 0xffff'ffff'8100'0000;
    Result<Instruction> decoded = decode_bytes({0xf0, 0x80, 0x25, 0x10, 0x00, 0x00, 0x00, 0xfd}, regs);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->operation, Operation::bit_and);
    EXPECT_TRUE(decoded->lock);
    EXPECT_EQ(decoded->destination.value, regs.rip + 8 + 0x10);
    EXPECT_EQ(decoded->source.value, ~u64{2});
}

TEST(Decode, RexCountsOnlyDirectlyBeforeTheOpcode) {
    abi::CpuUserRegs regs{};
    EXPECT_EQ(decode_bytes({0x48, 0x66, 0x89, 0x03}, regs)->size, 2);
    EXPECT_EQ(decode_bytes({0x66, 0x48, 0x89, 0x03}, regs)->size, 8);
    EXPECT_EQ(decode_bytes({0x88, 0x23}, regs)->source.place, Place::high_byte);  // ah
    EXPECT_EQ(decode_bytes({0x40, 0x88, 0x23}, regs)->source.place, Place::gpr);  // spl
}

TEST(Decode, StringOperations) {
    abi::CpuUserRegs regs{};
    regs.rsi = 0x1'0000'2000;
    regs.rdi = 0x3000;
    Result<Instruction> out = decode_bytes({0x65, 0xf3, 0x6e}, regs);
    ASSERT_TRUE(out);
    EXPECT_TRUE(out->repeat);
    EXPECT_EQ(out->source.value, bases.gs + regs.rsi);
    EXPECT_EQ(out->destination.place, Place::gpr);
    Result<Instruction> in = decode_bytes({0x65, 0x6d}, regs);  // the destination has no override
    EXPECT_EQ(in->destination.value, regs.rdi);
    EXPECT_EQ(decode_bytes({0x67, 0x6e}, regs)->source.value, 0x2000u);
    EXPECT_EQ(decode_bytes({0x67, 0x6e}, regs)->address_size, 4);
}

// What Linux really does to its page tables, byte for byte.
TEST(Decode, LinuxPageTableStores) {
    abi::CpuUserRegs regs{};
    regs.rdi = 0xffff'8880'1234'5000;
    regs.r12 = regs.rdi;
    EXPECT_EQ(decode_bytes({0x48, 0x87, 0x07}, regs)->operation, Operation::exchange);
    EXPECT_TRUE(decode_bytes({0x48, 0x87, 0x07}, regs)->lock);
    Result<Instruction> protect = decode_bytes({0xf0, 0x41, 0x80, 0x64, 0x24, 0x00, 0xfd}, regs);
    ASSERT_TRUE(protect);
    EXPECT_EQ(protect->operation, Operation::bit_and);
    EXPECT_EQ(protect->size, 1);
    Result<Instruction> young = decode_bytes({0xf0, 0x48, 0x0f, 0xba, 0x37, 0x05}, regs);
    ASSERT_TRUE(young);
    EXPECT_EQ(young->operation, Operation::bit_test_reset);
    Effect effect = execute(*young, regs, 0x67);
    EXPECT_EQ(effect.memory, 0x47u);
    EXPECT_EQ(effect.rflags & 1, 1u);
}

TEST(Execute, MergesPartsOfAnEntry) {
    EXPECT_TRUE(is_within_entry(0x1000, 8));
    EXPECT_TRUE(is_within_entry(0x1007, 1));
    EXPECT_FALSE(is_within_entry(0x1005, 4));
    EXPECT_EQ(part_of_entry(0x1122334455667788, 0x1002, 2), 0x5566u);
    EXPECT_EQ(merge_into_entry(0x1122334455667788, 0x1002, 2, 0xabcd), 0x11223344abcd7788u);
    EXPECT_EQ(merge_into_entry(0x1122334455667788, 0x1000, 8, 1), 1u);
}
}  // namespace

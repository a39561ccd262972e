// SPDX-License-Identifier: MIT
// The processor is the specification: random instructions of every supported form run on it, and decoder plus executor
// must leave the same memory, registers and flags.

#include "core/pv/execute.hpp"
#include "native_runner.hpp"

#include <asm/prctl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {
using namespace hv;
using namespace hv::pv;

constexpr u64 carry = 1, parity = 4, adjust = 16, zero = 64, sign = 128, overflow = 2048;
constexpr u64 status_flags = carry | parity | adjust | zero | sign | overflow;
constexpr u64 gs_base = 0x12340;

struct Form {
    char const* name;
    std::vector<u8> opcode;
    int group = -1;  // the reg field if it is part of the opcode
    bool byte_sized = false;
    int immediate = 0;  // bytes; -1: operand size, at most 4
    bool lockable = true;
    bool sized_16 = true;     // has a 16-bit form
    bool bit_offset = false;  // the register operand moves the address
    u64 undefined = 0;        // flags that the manual leaves undefined
};

std::vector<Form> all_forms() {
    std::vector<Form> forms{
        {.name = "mov Eb,Gb", .opcode = {0x88}, .byte_sized = true, .lockable = false},
        {.name = "mov Ev,Gv", .opcode = {0x89}, .lockable = false},
        {.name = "mov Eb,Ib", .opcode = {0xc6}, .group = 0, .byte_sized = true, .immediate = 1, .lockable = false},
        {.name = "mov Ev,Iz", .opcode = {0xc7}, .group = 0, .immediate = -1, .lockable = false},
        {.name = "movnti", .opcode = {0x0f, 0xc3}, .lockable = false, .sized_16 = false},
        {.name = "xchg Eb,Gb", .opcode = {0x86}, .byte_sized = true},
        {.name = "xchg Ev,Gv", .opcode = {0x87}},
        {.name = "cmpxchg Eb,Gb", .opcode = {0x0f, 0xb0}, .byte_sized = true},
        {.name = "cmpxchg Ev,Gv", .opcode = {0x0f, 0xb1}},
        {.name = "xadd Eb,Gb", .opcode = {0x0f, 0xc0}, .byte_sized = true},
        {.name = "xadd Ev,Gv", .opcode = {0x0f, 0xc1}},
        {.name = "inc Eb", .opcode = {0xfe}, .group = 0, .byte_sized = true},
        {.name = "inc Ev", .opcode = {0xff}, .group = 0},
        {.name = "dec Eb", .opcode = {0xfe}, .group = 1, .byte_sized = true},
        {.name = "dec Ev", .opcode = {0xff}, .group = 1},
        {.name = "not Eb", .opcode = {0xf6}, .group = 2, .byte_sized = true},
        {.name = "not Ev", .opcode = {0xf7}, .group = 2},
        {.name = "neg Eb", .opcode = {0xf6}, .group = 3, .byte_sized = true},
        {.name = "neg Ev", .opcode = {0xf7}, .group = 3},
    };
    constexpr u64 bit_undefined = overflow | sign | adjust | parity;
    constexpr u8 bit_opcodes[] = {0xab, 0xb3, 0xbb};
    for (int i = 0; i < 3; ++i) {
        forms.push_back({.name = "bts/btr/btc Ev,Gv",
                         .opcode = {0x0f, bit_opcodes[i]},
                         .bit_offset = true,
                         .undefined = bit_undefined});
        forms.push_back({.name = "bts/btr/btc Ev,Ib",
                         .opcode = {0x0f, 0xba},
                         .group = 5 + i,
                         .immediate = 1,
                         .undefined = bit_undefined});
    }
    constexpr char const* names[] = {"add", "or", "adc", "sbb", "and", "sub", "xor"};
    for (int i = 0; i < 7; ++i) {
        u64 undefined = i == 1 || i == 4 || i == 6 ? adjust : 0;
        u8 base = static_cast<u8>(i << 3);
        forms.push_back({.name = names[i], .opcode = {base}, .byte_sized = true, .undefined = undefined});
        forms.push_back({.name = names[i], .opcode = {static_cast<u8>(base + 1)}, .undefined = undefined});
        forms.push_back({.name = names[i],
                         .opcode = {0x80},
                         .group = i,
                         .byte_sized = true,
                         .immediate = 1,
                         .undefined = undefined});
        forms.push_back({.name = names[i], .opcode = {0x81}, .group = i, .immediate = -1, .undefined = undefined});
        forms.push_back({.name = names[i], .opcode = {0x83}, .group = i, .immediate = 1, .undefined = undefined});
    }
    return forms;
}

// One random instruction of a form, with registers such that it hits the data area.
class Generator {
public:
    Generator(test::NativeRunner& runner, std::mt19937_64& random) : runner_{runner}, random_{random} {}

    std::vector<u8> bytes;
    test::NativeState state;
    u32 size = 0;

    void make(Form const& form) {
        bytes.clear();
        for (u64& value : state.gpr) value = interesting();
        state.rflags = 0x202 | (random_() & status_flags);

        bool wide = coin();
        bool narrow = form.sized_16 && coin() && coin();
        size = form.byte_sized ? 1 : wide ? 8 : narrow ? 2 : 4;
        if (form.lockable && coin()) bytes.push_back(0xf0);
        if (narrow) bytes.push_back(0x66);
        bool segment = coin() && coin();
        if (segment) bytes.push_back(0x65);

        u32 reg = form.group >= 0 ? static_cast<u32>(form.group) : static_cast<u32>(random_() % 16);
        u32 mod = static_cast<u32>(random_() % 3);
        u32 base = static_cast<u32>(random_() % 16);
        // A register that is base and bit offset at once would lead anywhere.
        while (form.bit_offset && base == reg) base = static_cast<u32>(random_() % 16);
        u32 index = static_cast<u32>(random_() % 16);
        u32 scale = static_cast<u32>(random_() % 4);
        enum { plain, sib, relative, absolute } kind = static_cast<decltype(kind)>(random_() % 4);
        if (kind == plain && (base & 7) == 4) kind = sib;
        if (kind == plain && mod == 0 && (base & 7) == 5) mod = 1;
        if (kind == sib && mod == 0 && (base & 7) == 5) mod = 2;
        if (kind == relative || kind == absolute) mod = 0;
        bool indexed = (kind == sib || kind == absolute) && index != 4;

        u8 rex =
            static_cast<u8>(0x40 | (wide ? 8 : 0) | (reg >= 8 ? 4 : 0) | (index >= 8 ? 2 : 0) | (base >= 8 ? 1 : 0));
        bool needs_rex = rex != 0x40 || coin();
        if (needs_rex) bytes.push_back(rex);
        bytes.insert(bytes.end(), form.opcode.begin(), form.opcode.end());
        u32 rm = kind == plain ? base & 7 : kind == relative ? 5 : 4;
        bytes.push_back(static_cast<u8>(mod << 6 | (reg & 7) << 3 | rm));
        if (kind == sib) bytes.push_back(static_cast<u8>(scale << 6 | (index & 7) << 3 | (base & 7)));
        if (kind == absolute) bytes.push_back(static_cast<u8>(scale << 6 | (index & 7) << 3 | 5));

        // The register of a bit offset must leave the address inside the data area.
        if (form.bit_offset) state.gpr[reg] = random_() % 4096 - 2048;
        u64 segment_base = segment ? gs_base : 0;
        u64 target = reinterpret_cast<u64>(runner_.data()) + 8192 + random_() % 1024 - segment_base;
        u32 displacement_size = mod == 1 ? 1 : mod == 2 || kind == relative || kind == absolute ? 4 : 0;
        i64 displacement =
            displacement_size == 1 ? static_cast<std::int8_t>(random_()) : static_cast<i32>(random_() % 8192) - 4096;
        if (displacement_size == 0) displacement = 0;

        u32 immediate = form.immediate >= 0 ? static_cast<u32>(form.immediate) : size == 8 ? 4 : size;
        if (kind == relative) {
            displacement =
                static_cast<i64>(target) - static_cast<i64>(runner_.code_address() + bytes.size() + 4 + immediate);
        } else if (kind == absolute) {
            if (indexed && (index != reg || !form.bit_offset)) state.gpr[index] = random_() % 512;
            u64 scaled = indexed ? state.gpr[index] << scale : 0;
            displacement = static_cast<i64>(target - scaled);
        } else {
            place_base(base, indexed, index, scale, target - static_cast<u64>(displacement));
        }
        for (u32 i = 0; i < displacement_size; ++i) bytes.push_back(static_cast<u8>(displacement >> (8 * i)));
        for (u32 i = 0; i < immediate; ++i) bytes.push_back(static_cast<u8>(random_()));
    }

private:
    bool coin() { return (random_() & 1) != 0; }
    u64 interesting() {
        switch (random_() % 4) {
            case 0: return random_() % 3;
            case 1: return ~(random_() % 3);
            case 2: return u64{1} << (random_() % 64);
            default: return random_();
        }
    }
    void place_base(u32 base, bool indexed, u32 index, u32 scale, u64 wanted) {
        if (indexed && index == base) {
            state.gpr[base] = wanted / ((u64{1} << scale) + 1);
            return;
        }
        u64 scaled = indexed ? state.gpr[index] << scale : 0;
        state.gpr[base] = wanted - scaled;
    }

    test::NativeRunner& runner_;
    std::mt19937_64& random_;
};

abi::CpuUserRegs to_regs(test::NativeState const& state, u64 rip) {
    abi::CpuUserRegs regs{};
    for (u32 i = 0; i < 16; ++i) write_gpr(regs, i, state.gpr[i]);
    regs.rflags = state.rflags;
    regs.rip = rip;
    return regs;
}

std::string hex(std::span<u8 const> bytes) {
    std::string text;
    char part[4];
    for (u8 byte : bytes) {
        std::snprintf(part, sizeof(part), "%02x ", byte);
        text += part;
    }
    return text;
}

class DecodeNative : public testing::Test {
protected:
    void SetUp() override { syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base); }
    void TearDown() override { syscall(SYS_arch_prctl, ARCH_SET_GS, 0); }
};

TEST_F(DecodeNative, EveryFormDoesWhatTheProcessorDoes) {
    test::NativeRunner runner;
    std::mt19937_64 random{20261121};
    Generator generator{runner, random};
    u64 data_start = reinterpret_cast<u64>(runner.data());
    u64 ran = 0;

    for (Form const& form : all_forms()) {
        for (int round = 0; round < 1500; ++round) {
            generator.make(form);
            SCOPED_TRACE(std::string{form.name} + ": " + hex(generator.bytes));
            abi::CpuUserRegs regs = to_regs(generator.state, runner.code_address());
            Result<Instruction> decoded = decode(generator.bytes, regs, {.fs = 0, .gs = gs_base});
            ASSERT_TRUE(decoded) << static_cast<int>(decoded.error());
            Instruction instruction = *decoded;
            ASSERT_EQ(instruction.length, generator.bytes.size());
            ASSERT_EQ(instruction.size, generator.size);
            ASSERT_TRUE(writes_memory(instruction.operation));
            u64 address = instruction.destination.value;
            // A wrong address would corrupt this process instead of failing; some bit offsets lead outside for real.
            if (address < data_start || address + 8 > data_start + test::NativeRunner::data_bytes) {
                ASSERT_TRUE(form.bit_offset);
                continue;
            }
            ++ran;

            u64 old_value = random();
            if (round % 4 == 0) old_value = generator.state.gpr[0];  // lets cmpxchg succeed
            std::vector<u8> expected(runner.data(), runner.data() + test::NativeRunner::data_bytes);
            std::memcpy(runner.data() + (address - data_start), &old_value, 8);
            std::memcpy(expected.data() + (address - data_start), &old_value, 8);

            test::NativeState native = runner.run(generator.bytes, generator.state);
            Effect effect = execute(instruction, regs, old_value);
            retire(instruction, effect, regs);
            std::memcpy(expected.data() + (address - data_start), &effect.memory, instruction.size);

            ASSERT_EQ(std::memcmp(expected.data(), runner.data(), expected.size()), 0);
            for (u32 i = 0; i < 16; ++i) ASSERT_EQ(read_gpr(regs, i), native.gpr[i]) << "register " << i;
            ASSERT_EQ(regs.rflags & status_flags & ~form.undefined, native.rflags & status_flags & ~form.undefined);
            ASSERT_EQ(regs.rip, runner.code_address() + generator.bytes.size());
        }
    }
    EXPECT_GT(ran, all_forms().size() * 1000);
}
}  // namespace

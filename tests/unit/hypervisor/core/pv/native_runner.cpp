// SPDX-License-Identifier: MIT
#include "native_runner.hpp"

#include <sys/mman.h>

#include <cstring>
#include <stdexcept>
#include <vector>

namespace test {
namespace {
// The page of code: a stub that loads the registers, the instruction, a stub that stores them. Registers come from and
// go to this block at its end, addressed relative to rip, because the stack pointer is one of the registers.
struct Block {
    std::uint64_t in[16];
    std::uint64_t out[16];
    std::uint64_t in_flags;
    std::uint64_t out_flags;
    std::uint64_t own_sp;
};
constexpr std::size_t block_offset = 2048;
constexpr std::size_t instruction_offset = 1024;
constexpr unsigned rsp = 4;

class Assembler {
public:
    Assembler(std::uint8_t* base, std::size_t at) : base_{base}, position_{at} {}

    void bytes(std::initializer_list<std::uint8_t> list) {
        for (std::uint8_t byte : list) base_[position_++] = byte;
    }
    void bytes(std::span<std::uint8_t const> list) {
        for (std::uint8_t byte : list) base_[position_++] = byte;
    }
    // mov between a register and [rip + …] of the block
    void move(bool load, unsigned reg, std::size_t field) {
        bytes({static_cast<std::uint8_t>(0x48 | (reg >= 8 ? 4 : 0)), static_cast<std::uint8_t>(load ? 0x8b : 0x89)});
        relative(static_cast<std::uint8_t>(0x05 | (reg & 7) << 3), field);
    }
    void relative(std::uint8_t modrm, std::size_t field) {
        bytes({modrm});
        auto distance = static_cast<std::int32_t>(block_offset + field) - static_cast<std::int32_t>(position_ + 4);
        std::memcpy(base_ + position_, &distance, 4);
        position_ += 4;
    }
    std::size_t position() const { return position_; }

private:
    std::uint8_t* base_;
    std::size_t position_;
};

constexpr unsigned kept_registers[] = {3, 5, 12, 13, 14, 15};  // the caller's, besides rsp
}  // namespace

NativeRunner::NativeRunner() {
    void* memory = mmap(nullptr, data_offset + data_bytes, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error{"no memory below 2 GiB"};
    base_ = static_cast<std::uint8_t*>(memory);
}

NativeRunner::~NativeRunner() { munmap(base_, data_offset + data_bytes); }

std::uint64_t NativeRunner::code_address() const { return reinterpret_cast<std::uint64_t>(base_ + instruction_offset); }

NativeState NativeRunner::run(std::span<std::uint8_t const> instruction, NativeState const& before) {
    auto* block = reinterpret_cast<Block*>(base_ + block_offset);
    std::memcpy(block->in, before.gpr.data(), sizeof(block->in));
    block->in_flags = before.rflags;

    Assembler entry{base_, 0};
    for (unsigned reg : kept_registers) {  // push
        if (reg >= 8) entry.bytes({0x41});
        entry.bytes({static_cast<std::uint8_t>(0x50 | (reg & 7))});
    }
    entry.bytes({0xff});
    entry.relative(0x35, offsetof(Block, in_flags));  // push [in_flags]
    entry.bytes({0x9d});                              // popfq
    entry.move(false, rsp, offsetof(Block, own_sp));
    for (unsigned reg = 0; reg < 16; ++reg) entry.move(true, reg, offsetof(Block, in) + 8 * reg);
    entry.bytes({0xe9});  // jmp to the instruction
    auto distance = static_cast<std::int32_t>(instruction_offset - (entry.position() + 4));
    std::uint8_t target[4];
    std::memcpy(target, &distance, 4);
    entry.bytes(std::span<std::uint8_t const>{target});

    Assembler exit{base_, instruction_offset};
    exit.bytes(instruction);
    for (unsigned reg = 0; reg < 16; ++reg) exit.move(false, reg, offsetof(Block, out) + 8 * reg);
    exit.move(true, rsp, offsetof(Block, own_sp));
    exit.bytes({0x9c, 0x8f});  // pushfq; pop [out_flags]
    exit.relative(0x05, offsetof(Block, out_flags));
    exit.bytes({0xfc});  // cld
    for (std::size_t i = std::size(kept_registers); i-- > 0;) {
        unsigned reg = kept_registers[i];
        if (reg >= 8) exit.bytes({0x41});
        exit.bytes({static_cast<std::uint8_t>(0x58 | (reg & 7))});
    }
    exit.bytes({0xc3});

    auto entry_point = reinterpret_cast<void (*)()>(base_);
    // The stub keeps what the ABI wants kept; the rest is said here.
    asm volatile("sub $128, %%rsp\n call *%0\n add $128, %%rsp"
                 :
                 : "r"(entry_point)
                 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc", "memory");

    NativeState after;
    std::memcpy(after.gpr.data(), block->out, sizeof(block->out));
    after.rflags = block->out_flags;
    return after;
}
}  // namespace test

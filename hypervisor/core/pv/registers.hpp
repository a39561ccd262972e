// SPDX-License-Identifier: MIT
// What a guest may have in its registers, flags, selectors and debug registers, and the general ones by their number in
// an encoding.
#pragma once
#include "portable/base/pte.hpp"
#include "public/mmu.hpp"
#include "public/vcpu.hpp"

namespace hv::pv {
namespace rflags {
inline constexpr u64 carry = 1u << 0;
inline constexpr u64 always_one = 1u << 1;
inline constexpr u64 parity = 1u << 2;
inline constexpr u64 adjust = 1u << 4;
inline constexpr u64 zero = 1u << 6;
inline constexpr u64 sign = 1u << 7;
inline constexpr u64 trap = 1u << 8;
inline constexpr u64 interrupts = 1u << 9;
inline constexpr u64 direction = 1u << 10;
inline constexpr u64 overflow = 1u << 11;
inline constexpr u64 iopl = 3u << 12;
inline constexpr u64 nested_task = 1u << 14;
inline constexpr u64 resume = 1u << 16;
inline constexpr u64 virtual_8086 = 1u << 17;
inline constexpr u64 alignment_check = 1u << 18;
inline constexpr u64 arithmetic = carry | parity | adjust | zero | sign | overflow;
}  // namespace rflags

// `regs` may be constant.
template <class Regs>
auto& general_register(Regs& regs, u64 number) {
    using R = abi::CpuUserRegs;
    constexpr u64 R::*members[16] = {&R::rax, &R::rcx, &R::rdx, &R::rbx, &R::rsp, &R::rbp, &R::rsi, &R::rdi,
                                     &R::r8,  &R::r9,  &R::r10, &R::r11, &R::r12, &R::r13, &R::r14, &R::r15};
    return regs.*members[number & 15];
}

// Guests run at ring 3, whatever privilege level a selector asks for.
constexpr u16 stack_selector(u16 selector) { return selector | 3; }
// A null code selector means the flat one.
constexpr u16 code_selector(u16 selector) {
    return static_cast<u16>((selector & ~3) ? selector | 3 : abi::selector::flat_cs64);
}

// Debug registers (Intel SDM volume 3, 17.2). Breakpoints lie in guest memory, where the hypervisor executes nothing.
constexpr bool is_valid_breakpoint(u64 address) { return is_guest_address(address); }
constexpr u64 fixed_dr6(u64 value) { return (value & 0xe00f) | 0xffff'0ff0; }
// General detect would trap the hypervisor's own accesses to these registers, I/O breakpoints its port accesses.
constexpr bool is_valid_dr7(u64 value) {
    constexpr u64 general_detect = 1u << 13;
    constexpr u64 io_access = 2;
    if (value >> 32 || (value & general_detect)) return false;
    for (u32 i = 0; i < 4; ++i)
        if ((value >> (16 + i * 4) & 3) == io_access) return false;
    return true;
}
constexpr u64 fixed_dr7(u64 value) { return (value & 0xffff'03ff) | 0x400; }
}  // namespace hv::pv

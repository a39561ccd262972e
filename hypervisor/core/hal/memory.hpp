// SPDX-License-Identifier: MIT
// The machine as core sees it: memory. As all of core/hal, defined twice: x86/hal drives the hardware,
// tests/hosted/hal.cpp is a small working model of it (RAM arena, recorded flushes, a clock that tests move).
#pragma once
#include <cstddef>
#include <span>
#include "portable/base/types.hpp"
#include "public/memory.hpp"

namespace hv::hal {
#if __STDC_HOSTED__
std::byte* map(Mfn mfn);          // the frame in the direct map; mfn must be RAM
u64 read_or_zero(Maddr address);  // eight bytes in the direct map; 0 if that is no RAM
#else
extern std::byte* const direct_map;
inline std::byte* map(Mfn mfn) { return direct_map + (mfn.value << page_shift); }
[[gnu::always_inline]] inline u64 read_or_zero(Maddr address) {
    u64 value;  // not by ASM GOTO: g++ 12 may lose its outputs (GCC bug 113921)
    asm volatile(R"(
    1:  movq %1, %0
    2:  .pushsection .text.fixup, "ax?"
    3:  xorl %k0, %k0
        jmp 2b
        .popsection
        .pushsection .extable, "a?"
        .quad 1b, 3b
        .popsection)"
                 : "=r"(value)
                 : "m"(*reinterpret_cast<u64 const*>(direct_map + address.value)));
    return value;
}
#endif
Mfn mfn_of(void const* direct_map_address);
// The current vCPU's kernel address space. False if any byte is not accessible to the guest; a part may have been
// copied.
bool copy_from_guest(void* to, u64 from, usize size);
bool copy_to_guest(u64 to, void const* from, usize size);
bool clear_guest(u64 to, usize size);
u64 max_address_bits();  // physical address width of the machine
std::span<abi::E820Entry const> machine_memory_map();
Mfn m2p_chunk(u32 index);  // first frame of each 2 MiB of the M2P table
}  // namespace hv::hal

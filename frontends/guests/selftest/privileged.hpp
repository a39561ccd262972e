// SPDX-License-Identifier: MIT
// Instructions that a PV kernel may execute although it has no privilege: the hypervisor emulates them.
#pragma once
#include "check.hpp"

namespace selftest {
inline u64 read_msr(u32 index) {
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index) : "memory");
    return u64{high} << 32 | low;
}
inline void write_msr(u32 index, u64 value) {
    asm volatile("wrmsr" ::"c"(index), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
}

namespace msr {
inline constexpr u32 apic_base = 0x1b;
inline constexpr u32 pat = 0x277;
inline constexpr u32 efer = 0xc0000080;
inline constexpr u32 fs_base = 0xc0000100;
inline constexpr u32 gs_base = 0xc0000101;
inline constexpr u32 kernel_gs_base = 0xc0000102;
}  // namespace msr

inline u64 read_gs_word() {
    u64 value;
    asm volatile("mov %%gs:0, %0" : "=r"(value)::"memory");
    return value;
}
inline u64 read_fs_word() {
    u64 value;
    asm volatile("mov %%fs:0, %0" : "=r"(value)::"memory");
    return value;
}
}  // namespace selftest

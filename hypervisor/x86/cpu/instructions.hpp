// SPDX-License-Identifier: MIT
// One privileged or unusual instruction a function.
#pragma once

#include "base/types.hpp"

namespace hv::cpu {

struct CpuidResult {
    u32 eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(u32 leaf, u32 subleaf = 0) {
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

inline u64 rdtsc() {
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return u64{high} << 32 | low;
}

inline u8 inb(u16 port) {
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline u16 inw(u16 port) {
    u16 value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline u32 inl(u16 port) {
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
inline void outb(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
inline void outw(u16 port, u16 value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
inline void outl(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

inline u64 read_cr0() {
    u64 value;
    asm volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}
inline void write_cr0(u64 value) { asm volatile("mov %0, %%cr0" : : "r"(value) : "memory"); }
inline u64 read_cr2() {
    u64 value;
    asm volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
inline u64 read_cr3() {
    u64 value;
    asm volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
inline void write_cr3(u64 value) { asm volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
inline u64 read_cr4() {
    u64 value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
inline void write_cr4(u64 value) { asm volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }
inline void clts() { asm volatile("clts" : : : "memory"); }

inline u64 read_dr6() {
    u64 value;
    asm volatile("mov %%dr6, %0" : "=r"(value));
    return value;
}
inline void write_dr0(u64 value) { asm volatile("mov %0, %%dr0" : : "r"(value)); }
inline void write_dr1(u64 value) { asm volatile("mov %0, %%dr1" : : "r"(value)); }
inline void write_dr2(u64 value) { asm volatile("mov %0, %%dr2" : : "r"(value)); }
inline void write_dr3(u64 value) { asm volatile("mov %0, %%dr3" : : "r"(value)); }
inline void write_dr6(u64 value) { asm volatile("mov %0, %%dr6" : : "r"(value)); }
inline void write_dr7(u64 value) { asm volatile("mov %0, %%dr7" : : "r"(value) : "memory"); }

inline void invlpg(u64 address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }
inline void wbinvd() { asm volatile("wbinvd" : : : "memory"); }
inline void cli() { asm volatile("cli" : : : "memory"); }
inline void sti() { asm volatile("sti" : : : "memory"); }
inline void halt() { asm volatile("hlt" : : : "memory"); }
// Interrupts open with HLT itself, so none can slip in between and leave the CPU asleep.
inline void wait_for_interrupt() { asm volatile("sti; hlt; cli" : : : "memory"); }
inline void pause() { __builtin_ia32_pause(); }

struct [[gnu::packed]] TableRegister {
    u16 limit;
    u64 base;
};
inline void lgdt(TableRegister const& table) { asm volatile("lgdt %0" : : "m"(table)); }
inline void lidt(TableRegister const& table) { asm volatile("lidt %0" : : "m"(table)); }
inline void ltr(u16 selector) { asm volatile("ltr %0" : : "r"(selector)); }
inline void lldt(u16 selector) { asm volatile("lldt %0" : : "r"(selector)); }
inline void swapgs() { asm volatile("swapgs" : : : "memory"); }

inline void xsetbv(u64 value) {
    asm volatile("xsetbv" : : "c"(0), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
}

inline u64 frame_pointer() { return reinterpret_cast<u64>(__builtin_frame_address(0)); }

}  // namespace hv::cpu

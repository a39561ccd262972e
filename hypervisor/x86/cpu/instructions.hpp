// SPDX-License-Identifier: MIT
// One privileged or unusual instruction a function.
#pragma once
#include "core/hal/cpuid_leaf.hpp"

namespace hv::cpu {
inline CpuidLeaf cpuid(u32 leaf, u32 subleaf = 0) {
    CpuidLeaf r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

inline u64 rdtsc() {
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return u64{high} << 32 | low;
}

#define PORT(type, suffix)                                               \
    inline type in##suffix(u16 port) {                                   \
        type value;                                                      \
        asm volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port)); \
        return value;                                                    \
    }                                                                    \
    inline void out##suffix(u16 port, type value) { asm volatile("out" #suffix " %0, %1" : : "a"(value), "Nd"(port)); }
PORT(u8, b)
PORT(u16, w)
PORT(u32, l)
#undef PORT
inline u32 in(u16 port, u32 size) { return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port); }
inline void out(u16 port, u32 size, u32 value) {
    if (size == 1) outb(port, static_cast<u8>(value));
    else if (size == 2) outw(port, static_cast<u16>(value));
    else outl(port, value);
}

#define REGISTER(name)                                     \
    inline u64 read_##name() {                             \
        u64 value;                                         \
        asm volatile("mov %%" #name ", %0" : "=r"(value)); \
        return value;                                      \
    }                                                      \
    inline void write_##name(u64 value) { asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); }
REGISTER(cr0)
REGISTER(cr2)
REGISTER(cr3)
REGISTER(cr4)
REGISTER(dr0)
REGISTER(dr1)
REGISTER(dr2)
REGISTER(dr3)
REGISTER(dr6)
REGISTER(dr7)
#undef REGISTER

// Loads a selector; false if that faults, and the register has a null one then.
#define SEGMENT(name)                                                                             \
    inline bool load_##name(u32 selector) {                                                       \
        bool loaded = false;                                                                      \
        asm volatile("1: mov %1, %%" #name                                                        \
                     "; movb $1, %0; 2: .pushsection .extable, \"a?\"; .quad 1b, 2b; .popsection" \
                     : "+q"(loaded)                                                               \
                     : "r"(selector));                                                            \
        if (!loaded) asm volatile("mov %0, %%" #name : : "r"(0));                                 \
        return loaded;                                                                            \
    }
SEGMENT(ds)
SEGMENT(es)
SEGMENT(fs)
SEGMENT(gs)
#undef SEGMENT

inline void clts() { asm volatile("clts" : : : "memory"); }
inline void invlpg(u64 address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }
inline void wbinvd() { asm volatile("wbinvd" : : : "memory"); }
inline void cli() { asm volatile("cli" : : : "memory"); }
inline void sti() { asm volatile("sti" : : : "memory"); }
[[noreturn]] inline void halt_for_good() {
    for (;;) asm volatile("cli; hlt" : : : "memory");
}
// Those that wait come in, and no others.
inline void let_interrupts_in() { asm volatile("sti; nop; cli" : : : "memory"); }
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

// SPDX-License-Identifier: MIT
// Model-specific registers (Intel SDM volume 4; AMD APM volume 2, appendix A).
#pragma once
#include "portable/base/result.hpp"
#include "portable/base/types.hpp"

namespace hv::msr {
inline constexpr u32 tsc = 0x10;
inline constexpr u32 apic_base = 0x1b;
inline constexpr u32 spec_ctrl = 0x48;
inline constexpr u32 pred_cmd = 0x49;
inline constexpr u32 microcode = 0x8b;
inline constexpr u32 arch_capabilities = 0x10a;
inline constexpr u32 sysenter_cs = 0x174;
inline constexpr u32 sysenter_esp = 0x175;
inline constexpr u32 sysenter_eip = 0x176;
inline constexpr u32 pat = 0x277;
inline constexpr u32 efer = 0xc000'0080;
inline constexpr u32 star = 0xc000'0081;
inline constexpr u32 lstar = 0xc000'0082;
inline constexpr u32 cstar = 0xc000'0083;
inline constexpr u32 sfmask = 0xc000'0084;
inline constexpr u32 fs_base = 0xc000'0100;
inline constexpr u32 gs_base = 0xc000'0101;
inline constexpr u32 kernel_gs_base = 0xc000'0102;
inline constexpr u32 tsc_aux = 0xc000'0103;
inline constexpr u32 decode_configuration = 0xc001'1029;

inline constexpr u64 lfence_serializes = 1u << 1;  // of decode_configuration
inline constexpr u64 efer_sce = 1u << 0;
inline constexpr u64 efer_lme = 1u << 8;
inline constexpr u64 efer_lma = 1u << 10;
inline constexpr u64 efer_nxe = 1u << 11;
inline constexpr u64 efer_svme = 1u << 12;
inline constexpr u64 efer_aibrse = 1u << 21;

// Write-back, write-through, uncached-minus, uncached, then write-combining, write-protected, uncached twice:
// what a PV kernel takes for granted.
inline constexpr u64 pat_value = 0x0000'0501'0007'0406;

inline u64 read(u32 number) {
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return u64{high} << 32 | low;
}
// Of a register that this processor may not have. Needs the IDT.
inline Result<u64> try_read(u32 number) {
    u32 low = 0, high = 0, failed = 1;
    asm volatile("1: rdmsr\n\txorl %2, %2\n2:\n\t.pushsection .extable, \"a\"; .quad 1b, 2b; .popsection"
                 : "=a"(low), "=d"(high), "+r"(failed)
                 : "c"(number));
    if (failed) return Errno::nodev;
    return u64{high} << 32 | low;
}
inline bool try_write(u32 number, u64 value) {
    u32 failed = 1;
    asm volatile("1: wrmsr\n\txorl %0, %0\n2:\n\t.pushsection .extable, \"a\"; .quad 1b, 2b; .popsection"
                 : "+r"(failed)
                 : "c"(number), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32))
                 : "memory");
    return !failed;
}
inline void write(u32 number, u64 value) {
    asm volatile("wrmsr" : : "c"(number), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)) : "memory");
}
}  // namespace hv::msr

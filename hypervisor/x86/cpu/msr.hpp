// SPDX-License-Identifier: MIT
// Model-specific registers (Intel SDM volume 4; AMD APM volume 2, appendix A).
#pragma once
#include "portable/base/result.hpp"
#include "portable/base/types.hpp"

namespace hv::msr {
inline constexpr u32 tsc = 0x10, apic_base = 0x1b, spec_ctrl = 0x48, pred_cmd = 0x49, microcode = 0x8b,
                     arch_capabilities = 0x10a, sysenter_cs = 0x174, sysenter_esp = 0x175, sysenter_eip = 0x176,
                     pat = 0x277, efer = 0xc000'0080, star = 0xc000'0081, lstar = 0xc000'0082, cstar = 0xc000'0083,
                     sfmask = 0xc000'0084, fs_base = 0xc000'0100, gs_base = 0xc000'0101, kernel_gs_base = 0xc000'0102,
                     tsc_aux = 0xc000'0103, decode_configuration = 0xc001'1029;

inline constexpr u64 lfence_serializes = 1u << 1;  // of decode_configuration
inline constexpr u64 efer_sce = 1u << 0, efer_lme = 1u << 8, efer_lma = 1u << 10, efer_nxe = 1u << 11,
                     efer_svme = 1u << 12, efer_aibrse = 1u << 21;

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

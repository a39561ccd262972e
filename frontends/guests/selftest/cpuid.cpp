// SPDX-License-Identifier: MIT
// CPUID by the emulation prefix, which is how a PV kernel asks what it may use.
#include "privileged.hpp"

namespace selftest {
namespace {
struct Leaf {
    u32 a, b, c, d;
};

Leaf forced_cpuid(u32 leaf, u32 subleaf = 0) {
    Leaf out{};
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
                 : "=a"(out.a), "=b"(out.b), "=c"(out.c), "=d"(out.d)
                 : "0"(leaf), "2"(subleaf));
    return out;
}

Leaf native_cpuid(u32 leaf) {
    Leaf out{};
    asm volatile("cpuid" : "=a"(out.a), "=b"(out.b), "=c"(out.c), "=d"(out.d) : "0"(leaf), "2"(0));
    return out;
}

bool bit(u32 word, u32 number) { return (word >> number & 1) != 0; }
}  // namespace

void test_cpuid() {
    Leaf base{};
    if (!runs([&] { base = forced_cpuid(0x40000000); }, "cpuid with the emulation prefix")) { return; }
    check(base.b == 0x566e6558 && base.c == 0x65584d4d && base.d == 0x4d4d566e, "says XenVMMXenVMM");
    check(base.a >= 0x40000002, "and has leaves");
    equal(forced_cpuid(0x40000001).a, 4u << 16 | 17, "version 4.17");
    equal(forced_cpuid(0x40000002).c & 1, 1, "preserves accessed and dirty bits on request");
    if (base.a >= 0x40000005) {
        check((forced_cpuid(0x40000005).b & 0xff) <= 44, "frame numbers fit grant table version 1");
    }
    Leaf one = forced_cpuid(1);
    check(bit(one.c, 31), "there is a hypervisor");
    check(bit(one.d, 0) && bit(one.d, 4) && bit(one.d, 5) && bit(one.d, 6) && bit(one.d, 24) && bit(one.d, 26),
          "fpu, tsc, msr, pae, fxsr and sse2 are there");
    check(!bit(one.d, 3), "large pages are not");
    check(!bit(one.d, 13), "nor global pages");
    check(!bit(one.d, 17), "nor large page extensions");
    check(!bit(one.c, 3) && !bit(one.c, 5) && !bit(one.c, 17) && !bit(one.c, 21) && !bit(one.c, 24),
          "nor monitor, vmx, pcid, x2apic and the deadline timer");
    Leaf seven = forced_cpuid(7);
    check(!bit(seven.b, 7) && !bit(seven.b, 20) && !bit(seven.b, 10), "nor smep, smap and invpcid");
    check(!bit(seven.c, 2) && !bit(seven.c, 3) && !bit(seven.c, 16), "nor umip, protection keys and five levels");
    Leaf extended = forced_cpuid(0x80000001);
    check(bit(extended.d, 29) && bit(extended.d, 20), "long mode and no-execute are there");
    check(!bit(extended.d, 26) && !bit(extended.d, 3) && !bit(extended.c, 2), "huge pages and svm are not");
    equal(forced_cpuid(0).b, native_cpuid(0).b, "the vendor is the processor's");
    traps([] { asm volatile("ud2"); }, guest::trap::invalid_opcode, 0, "ud2 without the prefix is ud2");
    traps([] { asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; nop"); }, guest::trap::invalid_opcode, 0,
          "the prefix before another instruction");
    traps(
        [] {
            asm volatile(".byte 0x06, 0x0b, 0x78, 0x65, 0x6e; cpuid" ::: "eax", "ebx", "ecx", "edx");
        },
        guest::trap::invalid_opcode, 0, "another invalid instruction before the rest of the prefix");
}
}  // namespace selftest

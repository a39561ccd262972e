// SPDX-License-Identifier: MIT
// RDMSR and WRMSR.
#include "privileged.hpp"

namespace selftest {
namespace {
constinit u64 fs_words[1] = {0xf5f5};
constinit u64 gs_words[1] = {0x6565};

constexpr u64 not_canonical = u64{1} << 63;

void test_bases() {
    runs([] { write_msr(msr::fs_base, address_of(fs_words)); }, "wrmsr FS_BASE");
    equal(read_fs_word(), 0xf5f5, "moves fs");
    equal(read_msr(msr::fs_base), address_of(fs_words), "rdmsr FS_BASE");
    runs([] { write_msr(msr::gs_base, address_of(gs_words)); }, "wrmsr GS_BASE");
    equal(read_gs_word(), 0x6565, "moves gs");
    equal(read_msr(msr::gs_base), address_of(gs_words), "rdmsr GS_BASE");
    runs([] { write_msr(msr::kernel_gs_base, 0x7000'1234); }, "wrmsr KERNEL_GS_BASE");
    equal(read_msr(msr::kernel_gs_base), 0x7000'1234, "rdmsr KERNEL_GS_BASE");
    equal(read_gs_word(), 0x6565, "leaves gs where it is");
    for (u32 index : {msr::fs_base, msr::gs_base, msr::kernel_gs_base}) {
        traps([&] { write_msr(index, not_canonical); }, guest::trap::general_protection, 0,
              "a base that is not canonical");
    }
    write_msr(msr::fs_base, 0);
    write_msr(msr::gs_base, 0);
    write_msr(msr::kernel_gs_base, 0);
}
}  // namespace

void test_msrs() {
    test_bases();
    u64 efer = 0;
    runs([&] { efer = read_msr(msr::efer); }, "rdmsr EFER");
    equal(efer & 0xd01, 0xd01, "says long mode, no-execute and system calls");
    equal(efer & 0x1000, 0, "and no SVM");
    runs([&] { write_msr(msr::efer, efer); }, "wrmsr EFER with the same value");
    u64 pat = 0;
    runs([&] { pat = read_msr(msr::pat); }, "rdmsr PAT");
    equal(pat, 0x050100070406, "is the hypervisor's");
    u64 apic = 0;
    runs([&] { apic = read_msr(msr::apic_base); }, "rdmsr APIC_BASE");
    equal(apic, 0xfee00900, "says enabled, boot processor");
    traps([] { (void)read_msr(0x12345678); }, guest::trap::general_protection, 0, "rdmsr of no register");
    traps([] { write_msr(0x12345678, 0); }, guest::trap::general_protection, 0, "wrmsr of no register");
}
}  // namespace selftest

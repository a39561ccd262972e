// SPDX-License-Identifier: MIT
// Calls that touch no page table: the way in and out, and what a context switch of the guest's is made of.
#include "measure.hpp"
#include "runtime/memory.hpp"

namespace bench {
namespace {
namespace hc = abi::hypercall;

void measure_multicall() {
    static constinit abi::MulticallEntry entries[32]{};
    for (abi::MulticallEntry& entry : entries) { entry.op = hc::xen_version; }
    measure({"multicall32_null_per_entry", 64, 32}, [] { (void)guest::multicall(entries, 32); });
}

u64 forced_cpuid() {
    u32 a = 1, b, c = 0, d;
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a;
}

void read_kernel_gs_base() {
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000102));
}
}  // namespace

void measure_calls() {
    measure({"null_hypercall"}, [] { (void)guest::xen_version(); });
    measure({"unknown_hypercall"}, [] { (void)guest::hypercall(11); });
    measure_multicall();
    measure({"sched_yield"}, [] { (void)guest::sched_op(abi::schedop::yield); });
    measure({"cpuid_forced_emulation"}, [] { (void)forced_cpuid(); });
    measure({"rdmsr_kernel_gs_base"}, read_kernel_gs_base);
    measure({"fpu_taskswitch"}, [] { (void)guest::fpu_taskswitch(1); });
    (void)guest::fpu_taskswitch(0);
    static constinit u64 stack_top;
    stack_top = address_of(guest::memory::allocate()) + guest::page_size;
    measure({"stack_switch"}, [] { (void)guest::stack_switch(abi::selector::flat_ss, stack_top); });
    measure({"set_segment_base_fs"}, [] { (void)guest::set_segment_base(abi::segbase::fs, 0); });
}
}  // namespace bench

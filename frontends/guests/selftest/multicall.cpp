// SPDX-License-Identifier: MIT
// Batches: in order, each with a result of its own, continuing after failures.
#include "check.hpp"

namespace selftest {
namespace {
abi::MulticallEntry call(u64 op, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0) {
    return {.op = op, .result = 0xdead, .args = {a1, a2, a3, 0, 0, 0}};
}

// Makes the batch with an iret frame at the stack pointer, which leads behind the instruction.
u64 run_with_iret(abi::MulticallEntry* batch, u64 count) {
    u64 number = abi::hypercall::multicall;
    asm volatile(
        "mov %%rsp, %%rbx\n\t"
        "mov %%ss, %%ecx\n\t"
        "push %%rcx\n\t"
        "push %%rbx\n\t"
        "pushfq\n\t"
        "mov $0xe030, %%ecx\n\t"  // kernel mode: the hardware's selector says ring 3
        "push %%rcx\n\t"
        "lea 1f(%%rip), %%rcx\n\t"
        "push %%rcx\n\t"
        "push $0\n\t"  // flags, rcx, r11, rax
        "push $0\n\t"
        "push $0\n\t"
        "push $0x5eed\n\t"
        "syscall\n\t"
        "mov %%rbx, %%rsp\n\t"
        "1:\n\t"
        : "+a"(number)
        : "D"(batch), "S"(count)
        : "rbx", "rcx", "r11", "memory", "cc");
    return number;
}
}  // namespace

void test_multicall() {
    abi::XenFeatureInfo features{.submap_idx = 0, .submap = 0};
    abi::MulticallEntry batch[] = {
        call(abi::hypercall::xen_version, abi::xenver::version),
        call(99),
        call(abi::hypercall::xen_version, abi::xenver::get_features, address_of(&features)),
        call(abi::hypercall::sched_op, 77),
        call(abi::hypercall::xen_version, abi::xenver::pagesize),
    };
    ok(guest::multicall(batch, 5), "a batch with failures in it");
    equal(batch[0].result, 4u << 16 | 17, "first result");
    equal(batch[1].result, static_cast<u64>(guest::failure(Errno::nosys)), "an unknown call fails alone, in 64 bits");
    equal(batch[2].result, 0, "the call after it runs");
    check(features.submap != 0, "and has its effect");
    equal(batch[3].result, static_cast<u64>(guest::failure(Errno::nosys)), "an unknown operation fails alone");
    equal(batch[4].result, 4096, "last result");
    equal(batch[0].op, abi::hypercall::xen_version, "entries are not changed");

    ok(guest::multicall(batch, 0), "an empty batch");
    fails(guest::hypercall(abi::hypercall::multicall, 0x123000, 1), Errno::fault, "an unmapped batch");
    fails(guest::hypercall(abi::hypercall::multicall, 0xffff830000000000, 1), Errno::fault, "the hypervisor's memory");

    abi::MulticallEntry inner = call(abi::hypercall::xen_version, abi::xenver::version);
    abi::MulticallEntry nested = call(abi::hypercall::multicall, address_of(&inner), 1);
    ok(guest::multicall(&nested, 1), "a batch in a batch");
    equal(nested.result, static_cast<u64>(guest::failure(Errno::inval)), "is refused");
    equal(inner.result, 0xdead, "and does not run");

    abi::MulticallEntry wide = call(u64{1} << 32 | abi::hypercall::xen_version, abi::xenver::version);
    ok(guest::multicall(&wide, 1), "a call number of more than 32 bits");
    equal(wide.result, static_cast<u64>(guest::failure(Errno::nosys)), "is not cut to 32");

    abi::MulticallEntry leaving[] = {call(abi::hypercall::xen_version, abi::xenver::version),
                                     call(abi::hypercall::iret),
                                     call(abi::hypercall::xen_version, abi::xenver::version)};
    equal(run_with_iret(leaving, 3), 0x5eed, "a batch with an iret ends as the frame says");
    equal(leaving[0].result, 4u << 16 | 17, "what came before it has run");
    equal(leaving[2].result, 0xdead, "what comes behind it does not");
}
}  // namespace selftest

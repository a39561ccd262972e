// SPDX-License-Identifier: MIT
// mmuext_op but for pinning: roots, flushes, clearing and copying, and how far a batch got.
#include "check.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace selftest {
namespace {
namespace pt = guest::page_table;

abi::MmuextOp operation(u32 command, u64 first = 0, u64 second = 0) {
    abi::MmuextOp op{};
    op.cmd = command;
    op.arg1.linear_addr.value = first;
    op.arg2.raw = second;
    return op;
}

i64 run(u32 command, u64 first = 0, u64 second = 0) {
    abi::MmuextOp op = operation(command, first, second);
    return guest::mmuext_op(&op, 1);
}

void test_flushes() {
    u64 vcpus = 1;
    u64 address = address_of(&vcpus);
    ok(run(abi::mmuext::tlb_flush_local), "tlb_flush_local");
    ok(run(abi::mmuext::invlpg_local, address), "invlpg_local");
    ok(run(abi::mmuext::tlb_flush_multi, 0, address_of(&vcpus)), "tlb_flush_multi");
    ok(run(abi::mmuext::invlpg_multi, address, address_of(&vcpus)), "invlpg_multi");
    ok(run(abi::mmuext::tlb_flush_all), "tlb_flush_all");
    ok(run(abi::mmuext::invlpg_all, address), "invlpg_all");
    fails(run(abi::mmuext::tlb_flush_multi, 0, 0x123000), Errno::inval, "an unmapped set of vCPUs");
}

void test_roots() {
    u64 root = pt::kernel_root().value;
    ok(run(abi::mmuext::new_baseptr, root), "the same kernel root again");
    ok(run(abi::mmuext::new_user_baseptr, 0), "no user root");
    void* page = guest::memory::allocate();
    u64 frame = guest::memory::mfn_of(page).value;
    check(run(abi::mmuext::new_baseptr, frame) < 0, "a writable page is no kernel root");
    check(run(abi::mmuext::new_user_baseptr, frame) < 0, "nor a user root");
    guest::memory::release(page);
    Mfn user = pt::make_table(4);
    ok(run(abi::mmuext::new_user_baseptr, user.value), "a user root");
    ok(run(abi::mmuext::new_user_baseptr, user.value), "the same again");
    ok(run(abi::mmuext::new_user_baseptr, 0), "and none");
    pt::drop_tree(user);
}

void test_pages() {
    void* from = guest::memory::allocate();
    void* to = guest::memory::allocate();
    u64 from_frame = guest::memory::mfn_of(from).value;
    u64 to_frame = guest::memory::mfn_of(to).value;
    static_cast<u64 volatile*>(from)[511] = 0x55aa;
    ok(run(abi::mmuext::copy_page, to_frame, from_frame), "copy_page");
    equal(static_cast<u64 volatile*>(to)[511], 0x55aa, "copies");
    ok(run(abi::mmuext::clear_page, to_frame), "clear_page");
    equal(static_cast<u64 volatile*>(to)[511], 0, "clears");
    check(run(abi::mmuext::clear_page, pt::kernel_root().value) < 0, "a page table is not cleared");
    check(run(abi::mmuext::copy_page, pt::kernel_root().value, from_frame) < 0, "nor copied over");
    guest::memory::release(from);
    guest::memory::release(to);
}
}  // namespace

void test_mmuext() {
    test_flushes();
    test_roots();
    test_pages();
    abi::MmuextOp batch[] = {operation(abi::mmuext::tlb_flush_local), operation(abi::mmuext::unpin_table, u64{1} << 36),
                             operation(abi::mmuext::tlb_flush_local)};
    u32 done = 9;
    fails(guest::mmuext_op(batch, 3, &done), Errno::inval, "a batch whose second operation fails");
    equal(done, 1, "reports one done");
    fails(run(14), Errno::nosys, "operation 14");
    fails(run(99), Errno::nosys, "operation 99");
    fails(guest::hypercall(abi::hypercall::mmuext_op, 0x123000, 1, 0, 0x7ff0), Errno::fault, "an unmapped batch");
    abi::MmuextOp flush = operation(abi::mmuext::tlb_flush_local);
    fails(guest::mmuext_op(&flush, 1, nullptr, 0x7000), Errno::srch, "a domain that does not exist");
    ok(guest::mmuext_op(&flush, 0), "an empty batch");
}
}  // namespace selftest

// SPDX-License-Identifier: MIT
// Page types: pinning, unpinning, and the rule that nothing is writable and a page table at once.
#include "check.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "test_mapping.hpp"

namespace selftest {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

struct Page {
    void* memory = guest::memory::allocate();
    Mfn mfn = guest::memory::mfn_of(memory);
    u64* entries() const { return static_cast<u64*>(memory); }
    ~Page() { guest::memory::release(memory); }
};

void test_levels() {
    for (unsigned level = 1; level <= 4; ++level) {
        Page page;
        fails(pt::pin(level, page.mfn), Errno::inval, "a page that is mapped writable is not pinned");
        ok(pt::set_read_only(page.memory), "once read-only");
        ok(pt::pin(level, page.mfn), "it is");
        fails(pt::pin(level, page.mfn), Errno::inval, "but not twice");
        fails(pt::pin(level % 4 + 1, page.mfn), Errno::inval, "and not as another level");
        fails(pt::set_writable(page.memory), Errno::busy, "nor mapped writable while it is");
        ok(pt::unpin(page.mfn), "it is unpinned");
        fails(pt::unpin(page.mfn), Errno::inval, "once");
        ok(pt::set_writable(page.memory), "and writable again");
    }
}

void test_contents() {
    Page page;
    Page data;
    page.entries()[5] = pt::entry(data.mfn, pte::read_write);
    page.entries()[6] = pt::entry(page.mfn, pte::read_write);
    ok(pt::set_read_only(page.memory), "a table that maps itself writable");
    fails(pt::pin(1, page.mfn), Errno::busy, "is not pinned");
    ok(pt::set_writable(page.memory), "it stays an ordinary page");
    page.entries()[6] = pt::entry(page.mfn, pte::read_only);
    ok(pt::set_read_only(page.memory), "one that maps itself read-only");
    ok(pt::pin(1, page.mfn), "is pinned");
    ok(pt::unpin(page.mfn), "and unpinned");
    ok(pt::set_writable(page.memory), "and writable");
    page.entries()[6] = pt::entry(Mfn{u64{1} << 36}, pte::read_only);
    ok(pt::set_read_only(page.memory), "one with a frame that does not exist");
    fails(pt::pin(1, page.mfn), Errno::perm, "is not pinned");
    ok(pt::set_writable(page.memory), "it stays an ordinary page");
    page.entries()[6] = 0;
    page.entries()[7] = pt::entry(data.mfn, pte::read_write);
    ok(pt::set_read_only(page.memory), "a table of one writable page, twice");
    ok(pt::pin(1, page.mfn), "is pinned");
    fails(pt::set_read_only(data.memory) != 0 ? 0 : pt::pin(1, data.mfn), Errno::inval,
          "a page that a pinned table maps writable is no page table");
    ok(pt::set_writable(data.memory), "the page is writable again");
    ok(pt::unpin(page.mfn), "the table is unpinned");
    ok(pt::set_writable(page.memory), "and writable");
    page.entries()[5] = page.entries()[7] = 0;
    __builtin_memset(page.memory, 0, guest::page_size);
}

// A tree: pinning the top validates all of it, unpinning the top releases all of it.
void test_tree() {
    Page l4, l3, l2, l1, data;
    l4.entries()[3] = pt::entry(l3.mfn, pte::read_write);
    l3.entries()[4] = pt::entry(l2.mfn, pte::read_write);
    l2.entries()[5] = pt::entry(l1.mfn, pte::read_write);
    l1.entries()[6] = pt::entry(data.mfn, pte::read_write);
    l4.entries()[260] = 0x1234567;  // the hypervisor's: ignored
    for (Page* page : {&l4, &l3, &l2}) { ok(pt::set_read_only(page->memory), "a table of a tree"); }
    fails(pt::pin(4, l4.mfn), Errno::inval, "a tree with a writable table is not pinned");
    ok(pt::set_writable(l3.memory), "none of its tables stays typed");
    ok(pt::set_read_only(l3.memory), "all read-only");
    ok(pt::set_read_only(l1.memory), "now");
    ok(pt::pin(4, l4.mfn), "the tree is pinned");
    fails(pt::set_writable(l1.memory), Errno::busy, "its lowest table is typed");
    ok(pt::pin(1, l1.mfn), "and can be pinned by itself");
    ok(pt::unpin(l4.mfn), "the tree is unpinned");
    ok(pt::set_writable(l2.memory), "its tables are ordinary pages");
    fails(pt::set_writable(l1.memory), Errno::busy, "but for the one with a pin of its own");
    ok(pt::unpin(l1.mfn), "until that goes");
    for (Page* page : {&l4, &l3, &l1}) { ok(pt::set_writable(page->memory), "and writable"); }
}
}  // namespace

void test_pinning() {
    test_levels();
    test_contents();
    test_tree();
    fails(pt::pin(1, Mfn{u64{1} << 36}), Errno::inval, "a frame that does not exist is not pinned");
    fails(pt::unpin(Mfn{u64{1} << 36}), Errno::inval, "nor unpinned");
}
}  // namespace selftest

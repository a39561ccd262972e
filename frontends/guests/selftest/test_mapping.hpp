// SPDX-License-Identifier: MIT
// An address of its own, with its own L3, L2 and L1 below the kernel's root: what a test does there hurts nobody.
#pragma once
#include "check.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace selftest {
class TestMapping {
public:
    TestMapping() {
        void* page = guest::memory::allocate();
        namespace pt = guest::page_table;
        // The tables appear with the first entry, which goes away again.
        check(pt::map(root(), address(), pt::entry(guest::memory::mfn_of(page), guest::pte::read_write)),
              "tables for a test address");
        (void)pt::clear(root(), address());
        guest::memory::release(page);
    }

    // The tables stay for the next user of the address.
    static constexpr u64 address() { return 0xffff960000000000; }
    template <class T>
    T* at() const {
        return reinterpret_cast<T*>(address());
    }

    Mfn l1() const { return guest::page_table::walk(root(), address(), 1); }
    Mfn l2() const { return guest::page_table::walk(root(), address(), 2); }
    Mfn l3() const { return guest::page_table::walk(root(), address(), 3); }
    u64 l1_address(unsigned index = 0) const { return guest::page_table::entry_address(l1(), index); }
    u64 l2_address() const { return guest::page_table::entry_address(l2(), 0); }
    u64 l1_entry(unsigned index = 0) const { return entry(l1(), index); }
    u64 l2_entry() const { return entry(l2(), 0); }

private:
    static u64 entry(Mfn table, unsigned index) {
        return static_cast<u64 const volatile*>(guest::page_table::table(table))[index];
    }
    static Mfn root() { return guest::page_table::kernel_root(); }
};
}  // namespace selftest

// SPDX-License-Identifier: MIT
// Stores into a page table that the hypervisor carries out, as Linux makes them.
#include "tables.hpp"

namespace bench {
void measure_writable_tables() {
    require(guest::vm_assist(abi::vmassist::enable, abi::vmassist::writable_pagetables) == 0, "vm_assist");
    static constinit u64* slot;
    static constinit u64 value;
    slot = const_cast<u64*>(l1_of_test());
    value = entry_of_test();
    measure({"ptwr_lock_btr_wrprotect_per_pte"}, [] { asm volatile("lock btrq $1, %0" : "+m"(*slot)::"cc"); });
    measure({"ptwr_mov_per_pte"}, [] { asm volatile("movq %1, %0" : "=m"(*slot) : "r"(value)); });
    measure({"ptwr_lock_andb_byte_per_pte"}, [] {
        asm volatile("lock andb $0xfd, %0" : "+m"(*reinterpret_cast<u8*>(slot))::"cc");
    });
    *slot = value;
    measure({"ptwr_xchg_clear_per_pte"}, [] {
        u64 cleared = 0;
        asm volatile("xchgq %0, %1" : "+r"(cleared), "+m"(*slot));
    });
}
}  // namespace bench

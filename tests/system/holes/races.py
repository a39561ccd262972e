# SPDX-License-Identifier: MIT
"""What is taken out for the attacks races.*; the form is in __init__.py."""
HOLES = [
    ("races.pin_at_two_levels", "what is pinned already",
     [("core/hypercall/mmuext_op.cpp",
       "if (!take_pin(*page)) return Errno::inval;",
       "if (!take_pin(*page)) return {};")]),
    ("races.table_under_update", "a table is held while an entry changes",
     [("core/hypercall/mmu_update.cpp",
       "return replace_l1(slot->entry, Pte{request.val}, *vcpu.domain, PageOwner::of(*vcpu.domain)).error();",
       "u64* const entry = slot->entry;\n"
       "    { L1Slot const gone = *std::move(slot); }\n"
       "    for (u32 i = 0; i < 20; ++i) asm volatile(\"pause\");\n"
       "    return replace_l1(entry, Pte{request.val}, *vcpu.domain, PageOwner::of(*vcpu.domain)).error();")]),
    ("races.table_or_descriptors", "the kind of a page is read once",
     [("core/hypercall/mmu_update.cpp",
       "bool const is_table = (word & PageInfo::use_mask) && is_table_type(PageInfo::kind_of(word));\n"
       "            kind = is_table ? PageInfo::kind_of(word) : PageType::writable;",
       "bool const is_table = is_table_type(PageInfo::kind_of(word));\n"
       "            for (u32 i = 0; i < 100 && is_table; ++i) asm volatile(\"pause\");\n"
       "            kind = is_table && page->uses() ? page->kind() : PageType::writable;")]),
    ("races.flush_during_a_long_call", "interrupts come in",
     [("x86/hal.cpp",
       "cpu::let_interrupts_in();",
       "")]),
    ("races.exchange_against_pins", "no references to frames that are exchanged",
     [("core/hypercall/exchange.cpp",
       "page->count.compare_exchange_strong(expected, expected - owners_own, std::memory_order_acq_rel);",
       "page->count.compare_exchange_strong(expected, expected - PageInfo::allocated, std::memory_order_acq_rel);")]),
    ("races.double_unmap", "one vCPU claims a mapping",
     [("core/grant/table.hpp",
       "u16 claim() { return __atomic_exchange_n(&flags, u16{0}, __ATOMIC_ACQUIRE); }",
       "u16 claim() {\n"
       "        u16 const had = flags;\n"
       "        for (u32 i = 0; i < 200; ++i) asm volatile(\"pause\");\n"
       "        flags = 0;\n"
       "        return had;\n"
       "    }")]),
]

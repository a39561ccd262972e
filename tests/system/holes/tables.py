# SPDX-License-Identifier: MIT
"""What is taken out for the attacks tables.*; the form is in __init__.py."""
HOLES = [
    ("tables.forbidden_bits tables.forbidden_bits_in_new_tables", "bits of a table's entry",
     [("core/mm/validate.cpp",
       "if (wanted.raw & (~(Pte::table_allowed | Pte::address) | beyond)) return Errno::inval;",
       "(void)beyond;")]),
    ("tables.hypervisor_slots", "the hypervisor's slots of a root",
     [("core/hypercall/mmu_update.cpp",
       "if (level == PageType::l4 && is_hypervisor_slot(slot)) return Errno::inval;",
       "(void)slot;")]),
    ("tables.forged_root", "the hypervisor's slots of a new root",
     [("core/mm/validate.cpp",
       "if (level == PageType::l4 && is_hypervisor_slot(i)) {\n"
       "            store(entries + i, Pte{i == m2p_slot ? 0 : hypervisor_l4_entries[i - first_hypervisor_slot]});",
       "if (level == PageType::l4 && is_hypervisor_slot(i)) {")]),
    ("tables.self_reference tables.type_confusion races.pin_against_writer", "a frame in use is one thing",
     [("core/mm/typed_ref.hpp",
       "if ((word & ~beside) - PageInfo::one_use(kind) >= PageInfo::ref_limit) [[unlikely]]\n"
       "            return nullptr;",
       "if ((word & PageInfo::use_mask) == 0) return nullptr; (void)beside;")]),
    ("tables.table_given_back", "the pin of a frame that is given back",
     [("core/hypercall/reservation.cpp",
       "if (page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)\n"
       "            TypedRef::release(*page);",
       "")]),
    ("tables.stores_across_tables", "a store stays within one entry",
     [("x86/pv/page_table_write.cpp",
       "entry_of(operand) != entry_of(address) ||\n"
       "        !pv::is_within_entry(operand, instruction->size))",
       "entry_of(operand) != entry_of(address))")]),
    ("tables.unpinned_root_in_use", "a root in use is held",
     [("core/mm/root.cpp",
       "return std::move(root).leak_mfn();",
       "return mfn;"),
      ("core/mm/held_root.hpp",
       "if (cr3_) TypedRef::release(page_of(mfn()));",
       "")]),
]

# SPDX-License-Identifier: MIT
"""What is taken out for the attacks grants.*; the form is in __init__.py."""
HOLES = [
    ("grants.unmapping", "the frame that an unmapped entry maps",
     [("core/grant/mapping.cpp",
       "auto const is_it = [=](Pte now) { return (now.raw & (Pte::address | Pte::present | Pte::writable)) == wanted; };",
       "auto const is_it = [=](Pte now) { return ((now.raw ^ wanted) & (Pte::present | Pte::writable)) == 0; };")]),
    ("grants.replacing", "the frame that a replaced entry maps",
     [("core/grant/mapping.cpp",
       "if (exchange_mapped(entries, host_addr, frame, flags, moved)) return true;",
       "u64* const entry = entries.find(host_addr, false);\n"
       "    if (entry) __atomic_store_n(entry, moved.raw, __ATOMIC_RELEASE);\n"
       "    if (entry) return true;")]),
    ("grants.what_is_not_granted", "numbers of references",
     [("core/grant/table.hpp",
       "if (!check_index(ref.value, frames_ * entries_per_frame)) [[unlikely]] return GrantStatus::bad_gntref;",
       "")]),
    ("grants.copies", "the ends of pages",
     [("core/grant/copy.cpp",
       "u32{op.source.offset} + op.len > page_size || u32{op.dest.offset} + op.len > page_size",
       "false")]),
    ("grants.table_operations", "the size of a grant table",
     [("core/grant/table.cpp",
       "if (frames > max_frames_) return Errno::nospc;",
       "")]),
    ("grants.where_it_must_not_go", "a mapping's entry is in a level-1 table",
     [("core/grant/mapping.cpp",
       "return table_ ? reinterpret_cast<u64*>(hal::map(mfn) + place.value % page_size) : nullptr;",
       "return reinterpret_cast<u64*>(hal::map(mfn) + place.value % page_size);")]),
    ("grants.page_tables_as_grants races.grant_status", "what is granted can be written",
     [("core/grant/mapping.cpp",
       "auto typed = get_writable(frame, granter.id);",
       "auto typed = get_page(frame, granter.id);")]),
]

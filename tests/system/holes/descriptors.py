# SPDX-License-Identifier: MIT
"""What is taken out for the attacks descriptors.*; the form is in __init__.py."""
HOLES = [
    ("descriptors.every_type_by_update", "the privilege level of segments",
     [("core/mm/descriptor.cpp",
       "return raw | privilege_mask;",
       "return raw;")]),
    ("descriptors.every_type_in_a_new_table", "system descriptors",
     [("core/mm/descriptor.cpp",
       "if (gate_type(raw) != 0xc || (raw >> 32 & 0xff) || !is_gate_target(raw)) return Errno::inval;",
       "(void)is_gate_target(raw);")]),
    ("descriptors.ldt", "system descriptors",
     [("core/mm/descriptor.cpp",
       "if (gate_type(raw) != 0xc || (raw >> 32 & 0xff) || !is_gate_target(raw)) return Errno::inval;",
       "if (gate_type(raw) != 0xc) return raw; (void)is_gate_target(raw);")]),
    ("descriptors.debug_registers", "addresses of breakpoints",
     [("core/pv/registers.hpp",
       "bool is_valid_breakpoint(u64 address) { return is_guest_address(address); }",
       "bool is_valid_breakpoint(u64) { return true; }")]),
    ("descriptors.selector_without_descriptor", "what follows a selector that cannot be loaded",
     [("x86/entry/selectors.S",
       "FAULT_AT(.Lload_\\register, .Lbad_\\register)",
       "")]),
]

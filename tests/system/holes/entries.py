# SPDX-License-Identifier: MIT
"""What is taken out for the attacks entries.*; the form is in __init__.py."""
HOLES = [
    ("entries.stack_selector_vanishes", "flags of its own where a faulting IRETQ goes on",
     [("x86/entry/vectors.S",
       "push_rest own_flags movq %rsp, %rdi call_cpp handle_iret_fault",
       "push_rest\n    movq %rsp, %rdi\n    call_cpp handle_iret_fault"),
      ("x86/entry/trap.cpp",
       "regs.rflags = pv::rflags::always_one;",
       "")]),
    ("entries.ldt_page_in_motion", "interrupts that come in before an IRETQ is tried again",
     [("x86/entry/trap.cpp",
       "return cpu::let_interrupts_in();",
       "return;")]),
    ("entries.every_way_in", "flags of its own behind an exception",
     [("x86/entry/vectors.S",
       "push_rest own_flags movq %rsp, %rdi testb $3, FULL(CS)",
       "push_rest\n    cld\n    movq %rsp, %rdi\n    testb $3, FULL(CS)")]),
    ("entries.work_without_end", "interrupts that come in between two looks for work",
     [("x86/entry/exit.cpp",
       "for (;; x86::let_others_in(cpu)) {",
       "for (;;) {")]),
]

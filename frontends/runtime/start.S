// SPDX-License-Identifier: MIT
// Where a guest begins: the notes by which a builder knows it, and the entry point.
// The constants are those of public/elfnote.hpp, which an assembler cannot read.

    .section .note.Xen, "a", @note
    .macro note_text type, text
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  .asciz "\text"
2:  .balign 4
    .endm
    .macro note_word type, value
    .balign 4
    .long 4, 8, \type
    .asciz "Xen"
    .quad \value
    .endm

    note_text 6, "paravane"                             // GUEST_OS
    note_text 7, "1"                                    // GUEST_VERSION
    note_text 5, "xen-3.0"                              // XEN_VERSION
    note_word 3, 0xffffffff80000000                     // VIRT_BASE
    note_word 1, guest_entry                            // ENTRY
#ifdef GUEST_HYPERCALL_PAGE
    note_word 2, hypercall_page                         // HYPERCALL_PAGE
#endif
#ifdef GUEST_INIT_P2M
    note_word 15, 0x8000000000                          // INIT_P2M
#endif
    note_word 12, 0xffff800000000000                    // HV_START_LOW
    note_text 9, "yes"                                  // PAE_MODE
    note_text 8, "generic"                              // LOADER
    note_text 10, "!writable_page_tables|pae_pgdir_above_4gb"  // FEATURES
    .balign 4                                           // SUPPORTED_FEATURES: writable_page_tables, dom0
    .long 4, 4, 17
    .asciz "Xen"
    .long 0x801

#ifdef GUEST_HYPERCALL_PAGE
    // Filled by the builder; int3 until then.
    .section .text.hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .fill 4096, 1, 0xcc
#endif

    // Entered by the hypervisor: RSI = start_info, RSP = a one-page boot stack, events masked.
    .text
    .globl guest_entry
guest_entry:
    cld
    lea boot_stack_top(%rip), %rsp
    mov %rsi, %rdi
    xor %ebp, %ebp
    push %rbp                                           // the end of every backtrace
    call guest_start
    ud2

    .bss
    .balign 4096
boot_stack:
    .skip 16384
    .globl boot_stack_top
boot_stack_top:

    .section .note.GNU-stack, "", @progbits

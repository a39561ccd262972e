// SPDX-License-Identifier: MIT
// Where exceptions and interrupts arrive: a stub for every vector, all alike up to the short frame; then the fast paths
// of bounce.S for the exceptions that matter, and C++ for everything else.
#include "frame.h"

    .section .text.entry, "ax"

// Reached from a guest (on this CPU's main stack) or from the hypervisor itself (anywhere on it), with a short frame.
function entry_general
    push_rest
    cld
    movq %rsp, %rdi
    testb $3, FULL(CS)
    jz 1f
    call handle_guest_trap
    jmp exit_to_guest
1:  call handle_hypervisor_trap
    pop_full
    iretq

// A stack of its own (IST): the interrupted code goes on unless C++ stops the machine.
entry_on_own_stack:
    push_short
    push_rest
    cld
    movq %rsp, %rdi
    call handle_machine_trap
    pop_full
    iretq

// #DB has a stack of its own, as a data breakpoint on the stack of a guest's MOV SS may fire at the first instruction
// of SYSCALL's entry. From a guest it goes on as all the others, on the main stack.
entry_debug:
    testb $3, 8(%rsp)
    jz 1f
    pushq %rax
    pushq %rcx
    movq %rsp, %rcx
    movq %rsp, %rax
    orq $STACK_MASK, %rax
    leaq 1 - CPU_BLOCK_SIZE - REGS_END + REGS_PUSH_END(%rax), %rsp
    pushq 48(%rcx)   // ss
    pushq 40(%rcx)   // rsp
    pushq 32(%rcx)   // rflags
    pushq 24(%rcx)   // cs
    pushq 16(%rcx)   // rip
    movq 8(%rcx), %rax
    movq (%rcx), %rcx
    pushq $0
    movl $1, 4(%rsp)
    push_short
    jmp entry_general
1:  pushq $0
    movl $1, 4(%rsp)
    jmp entry_on_own_stack

// rsp points at the guest frame's rip: an IRETQ to the guest has faulted. All general registers are the guest's.
// handle_hypervisor_trap has left vector and error code in the slot below.
function iret_fault
    subq $8, %rsp
    push_short
    push_rest
    movq %rsp, %rdi
    call handle_iret_fault
    jmp exit_to_guest

    .macro has_error_code vector:req
    .set with_code, 0
    .irp listed, 8, 10, 11, 12, 13, 14, 17, 21
    .if \vector == \listed
    .set with_code, 1
    .endif
    .endr
    .endm

    .macro stub vector:req
    .balign 16
stub_\vector:
    .if \vector != 1
    has_error_code \vector
    .if !with_code
    pushq $0
    .endif
    movl $\vector, 4(%rsp)
    .endif
    .if \vector == 1
    jmp entry_debug
    .elseif \vector == 2 || \vector == 8 || \vector == 18
    jmp entry_on_own_stack
    .elseif \vector == 3
    push_short
    jmp fast_breakpoint
    .elseif \vector == 6
    push_short
    jmp fast_invalid_opcode
    .elseif \vector == 13
    push_short
    jmp fast_general_protection
    .elseif \vector == 14
    push_short
    jmp fast_page_fault
    .else
    push_short
    jmp entry_general
    .endif
    .pushsection .rodata.vectors, "a"
    .quad stub_\vector
    .popsection
    .endm

    .section .rodata.vectors, "a"
    .balign 8
function entry_vector_table

    .section .text.entry, "ax"
    .altmacro
    .set number, 0
    .rept 256
    stub %number
    .set number, number + 1
    .endr
    .noaltmacro

    .section .note.GNU-stack, "", @progbits

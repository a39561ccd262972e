// SPDX-License-Identifier: MIT
// Where exceptions and interrupts arrive: a stub for every vector, all alike up to the short frame; then the fast paths
// of bounce.S for the exceptions that matter, and C++ for everything else.
#include "frame.h"

    .section .text.entry, "ax"

// Reached from a guest (on this CPU's main stack) or from the hypervisor itself (anywhere on it), with a short frame.
function entry_general
    push_rest
    own_flags
    movq %rsp, %rdi
    testb $3, FULL(cs)
    jz 1f
    call_cpp handle_guest_trap
    jmp exit_to_guest
1:  call_cpp handle_hypervisor_trap
    pop_full
    iretq

// A stack of its own (IST): the interrupted code goes on unless C++ stops the machine. What goes on is the hypervisor's,
// as #DF and #MC do not return.
entry_on_own_stack:
    push_short
    push_rest
    own_flags
    movq %rsp, %rdi
    call_cpp handle_machine_trap
    pop_full
    clear_buffers                  // an NMI may have come between that of a way to a guest and its IRETQ
    iretq

// #DB and NMI have stacks of their own, as they may come at the first instruction of SYSCALL's entry, on the guest's
// stack; #DB by a data breakpoint on the stack of a guest's MOV SS. From a guest they go on as all the others, on the main
// stack: the way back to it may fault. Error code and vector are pushed.
entry_debug_or_nmi:
    testb $3, 16(%rsp)
    jz entry_on_own_stack
    pushq %rax
    pushq %rcx
    movq %rsp, %rcx
    movq %rsp, %rax
    orq $STACK_MASK, %rax
    leaq 1 - CPU_BLOCK_SIZE - REGS_END + REGS_PUSH_END(%rax), %rsp
    pushq 56(%rcx)   // ss
    pushq 48(%rcx)   // rsp
    pushq 40(%rcx)   // rflags
    pushq 32(%rcx)   // cs
    pushq 24(%rcx)   // rip
    pushq 16(%rcx)   // error code and vector
    movq 8(%rcx), %rax
    movq (%rcx), %rcx
    push_short
    jmp entry_general

// rsp points at the guest frame's rip: an IRETQ to the guest has faulted. All general registers are the guest's.
// handle_hypervisor_trap has left vector and error code in the slot below.
function iret_fault
    subq $8, %rsp
    push_short
    push_rest
    own_flags
    movq %rsp, %rdi
    call_cpp handle_iret_fault
    jmp exit_to_guest

#ifdef PARAVANE_DEBUG
// From call_cpp; all registers are kept.
function check_edge
    pushfq
    testl $EFLAGS_NEVER_OURS, (%rsp)
    leaq 8(%rsp), %rsp
    jnz 1f
    ret
1:  own_flags
    call handle_broken_edge
#endif

    .macro stub vector:req
    .balign 16
stub_\vector:
    .pushsection .rodata.vectors, "a"
    .quad stub_\vector
    .popsection
    .if \vector != 8 && \vector != 17 && \vector != 21 && (\vector < 10 || \vector > 14)   // no error code
    pushq $0
    .endif
    movl $\vector, 4(%rsp)
    .if \vector == 1 || \vector == 2
    jmp entry_debug_or_nmi
    .elseif \vector == 8 || \vector == 18
    jmp entry_on_own_stack
    .else
    push_short
    .if \vector == 3
    jmp fast_breakpoint
    .elseif \vector == 6
    jmp fast_invalid_opcode
    .elseif \vector == 13
    jmp fast_general_protection
    .elseif \vector == 14
    jmp fast_page_fault
    .else
    jmp entry_general
    .endif
    .endif
    .endm

    .pushsection .rodata.vectors, "a"
    .balign 8
function entry_vector_table
    .popsection
    .altmacro
    .set number, 0
    .rept 256
    stub %number
    .set number, number + 1
    .endr
    .noaltmacro

// Where every indirect branch of ours goes through (g++ -mindirect-branch=thunk-extern): the processor, which predicts a RET
// from its return stack, speculates into the loop and not to where a guest has trained it. 32 bytes each, in the order of
// the registers' numbers; features.cpp writes a plain jump over them where that will do.
    .text
    .macro thunk register
    .balign 32, 0xcc
    .globl __x86_indirect_thunk_\register
__x86_indirect_thunk_\register:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  movq %\register, (%rsp)
    ret
    .endm
    .balign 32, 0xcc
    .globl indirect_thunks
indirect_thunks:
    .irp register, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    thunk \register
    .endr

// IBPB, all registers kept: from where the guest's are all in the frame or still live (entry/frame.h).
    .globl barrier_on_entry
barrier_on_entry:
    pushq %rax
    pushq %rcx
    pushq %rdx
    movl $0x49, %ecx               // IA32_PRED_CMD
    movl $1, %eax
    movl $0, %edx
    wrmsr
    popq %rdx
    popq %rcx
    popq %rax
    ret

// What VERW looks at; a data segment of ours, as that is quickest.
    .section .rodata
    .balign 2
    .globl buffer_selector
buffer_selector:
    .word HV_DATA_SELECTOR

// SPDX-License-Identifier: MIT
// Where every indirect branch of ours goes through (g++ -mindirect-branch=thunk-extern): the processor, which predicts a RET
// from its return stack, speculates into the loop and not to where a guest has trained it. 32 bytes each, in the order of
// the registers' numbers; speculation.cpp writes a plain jump over them where that will do.
#include "offsets.h"

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

// SPDX-License-Identifier: MIT
// Where every indirect branch of ours goes through (g++ -mindirect-branch=thunk-extern): the processor, which predicts a RET
// from its return stack, speculates into the loop and not to where a guest has trained it. 32 bytes each, in the order of
// the registers' numbers; speculation.cpp writes a plain jump over them where that will do.
    .text
    .macro thunk register
    .balign 32, 0xcc
    .globl __x86_indirect_thunk_\register
    .hidden __x86_indirect_thunk_\register
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
    .hidden indirect_thunks
indirect_thunks:
    .irp register, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    thunk \register
    .endr

    .section .note.GNU-stack, "", @progbits

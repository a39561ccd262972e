// SPDX-License-Identifier: MIT
// Where SYSCALL lands: a page that every CPU sees in its own window, beside its own stack, so that code relative to
// itself finds the right stack without a register and without gs.
//
// At entry_syscall64 and entry_syscall32: rsp points at the `rflags` field of the guest frame, with nothing in it yet; the
// `rsp` field behind it already holds the guest's stack pointer. The guest's rip is in rcx, its rflags in r11; interrupts are off. All else is as in the guest.
#include "x86/cpu/patch.h"
#include "offsets.h"

// As the thunks of cpu/thunks.S, without a free register. Where a RET goes to what a guest has trained, and the barrier is
// still to come, by a far one, which no processor predicts.
    .macro go_to target
    patch_site PATCH_BARRIER, jmp.d32 3f
    call 2f
1:  pause
    lfence
    jmp 1b
2:  pushq \target(%rip)         // the return address stays below it, as the word that rflags are to go to
    ret
3:  pushq $0
    pushq $HV_CODE_SELECTOR
    pushq \target(%rip)
    lretq
    .endm

    .section .trampoline, "ax"
trampoline:
    .globl trampoline_syscall64
    .hidden trampoline_syscall64
trampoline_syscall64:
    movq %rsp, trampoline + TRAMPOLINE_TO_FRAME_RSP(%rip)
    leaq trampoline + TRAMPOLINE_TO_FRAME_RSP(%rip), %rsp
    go_to syscall64_target

    .balign 64
    .globl trampoline_syscall32
    .hidden trampoline_syscall32
trampoline_syscall32:
    movq %rsp, trampoline + TRAMPOLINE_TO_FRAME_RSP(%rip)
    leaq trampoline + TRAMPOLINE_TO_FRAME_RSP(%rip), %rsp
    go_to syscall32_target

    .balign 64
syscall64_target:
    .quad entry_syscall64
syscall32_target:
    .quad entry_syscall32

    .section .note.GNU-stack, "", @progbits

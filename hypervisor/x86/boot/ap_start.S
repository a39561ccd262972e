// SPDX-License-Identifier: MIT
// How all other processors get into long mode (Intel SDM volume 3, 9.4): they begin in real mode at a page below 1 MiB,
// to which the first part is copied, with boot.S's tables, which are still there and map it where it is.
#include "offsets.h"
#include "x86/boot/long_mode.h"

    .section .text.boot, "ax"
    .code16
    .globl ap_start, ap_start_end
    .hidden ap_start, ap_start_end
ap_start:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdt_register - ap_start
    enable_long_mode
    ljmpl $8, $PHYSICAL(ap_64)
ap_gdt_register:
    .short 3 * 8 - 1
    .long PHYSICAL(boot_gdt)
ap_start_end:

    .code64
ap_64:
    go_high ap_high
ap_high:
    movl $1, %eax                  // the one that is called for; one that comes too late stays here
    xorl %ecx, %ecx
    lock cmpxchgl %ecx, ap_call(%rip)
    jne 1f
    movq ap_root(%rip), %rax
    movq ap_stack(%rip), %rdi
    movq %rax, %cr3
    movq %rdi, %rsp
    xorl %ebp, %ebp
    call start_other
1:  cli
    hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits

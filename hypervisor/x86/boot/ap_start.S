// SPDX-License-Identifier: MIT
// How all other processors get into long mode (Intel SDM volume 3, 9.4): they begin in real mode at a page below 1 MiB,
// to which the first part is copied, with boot.S's tables, which are still there and map it where it is.
#include "cpu_offsets.h"
#include "x86/boot/image.h"

#define PHYSICAL(symbol) (symbol - IMAGE_OFFSET)

    .section .text.boot, "ax"
    .code16
    .globl ap_start, ap_start_end
    .hidden ap_start, ap_start_end
ap_start:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdt_register - ap_start
    movl $0x620, %eax              // PAE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $PHYSICAL(boot_l4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax               // SCE, LME, NXE
    wrmsr
    movl $0x80010033, %eax         // PG, WP, NE, ET, MP, PE: from here it is long mode
    movl %eax, %cr0
    ljmpl $8, $PHYSICAL(ap_64)
ap_gdt_register:
    .short 3 * 8 - 1
    .long PHYSICAL(boot_gdt)
ap_start_end:

    .code64
ap_64:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $ap_high, %rax
    jmp *%rax
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

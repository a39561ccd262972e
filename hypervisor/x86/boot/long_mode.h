// SPDX-License-Identifier: MIT
// For assembly: into long mode with boot.S's tables and descriptors (Intel SDM volume 3, 9.8.5), from either mode below it.
#pragma once
#include "x86/boot/image.h"

#define PHYSICAL(symbol) (symbol - IMAGE_OFFSET)

.macro enable_long_mode
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
.endm
// The first of 64-bit code: selectors, and on to where it is linked.
.macro go_high to:req
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $\to, %rax
    jmp *%rax
.endm

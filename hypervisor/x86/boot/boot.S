// SPDX-License-Identifier: MIT
// From the boot loader's 32-bit protected mode to start() in long mode at the linked address. Nothing is mapped yet:
// symbols stand for physical addresses by subtracting IMAGE_OFFSET.
#include "offsets.h"
#include "x86/boot/long_mode.h"

#define TABLE 0x3                  // present, writable
#define LARGE 0x83                 // present, writable, 2 MiB

    .section .text.boot, "ax"

// Jumped to by the boot loader: eax = magic of the protocol, ebx = its information structure.
    .code32
    .globl boot_entry
boot_entry:
    cli
    cld
    movl $PHYSICAL(boot_stack_end) - CPU_BLOCK_SIZE, %esp
    movl %eax, %ebp
    movl %ebx, %edi

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    andl $0x20100000, %edx         // long mode and no-execute
    cmpl $0x20100000, %edx
    jne no_long_mode

    // The first 4 GiB in 2 MiB pages: at 0, for the switch; at the direct map, for boot information, modules and ACPI.
    // The image's slot shares them, as its addresses are physical ones with an offset.
    movl $PHYSICAL(boot_l2), %esi
    movl $LARGE, %eax
    xorl %edx, %edx                // high half of the entry
    movl $4 * 512, %ecx
1:  movl %eax, (%esi)
    movl %edx, 4(%esi)
    addl $8, %esi
    addl $0x200000, %eax
    adcl $0, %edx
    loop 1b
    movl $PHYSICAL(boot_l2) + TABLE, %eax
    movl $PHYSICAL(boot_l3), %esi
    movl $4, %ecx
2:  movl %eax, (%esi)
    addl $8, %esi
    addl $0x1000, %eax
    loop 2b
    movl $PHYSICAL(boot_l3) + TABLE, %eax
    movl %eax, PHYSICAL(boot_l4)
    movl %eax, PHYSICAL(boot_l4) + 261 * 8
    movl %eax, PHYSICAL(boot_l4) + 262 * 8

    enable_long_mode
    lgdt PHYSICAL(boot_gdt_register)
    ljmp $8, $PHYSICAL(boot_64)

no_long_mode:
    movl $PHYSICAL(no_long_mode_text), %esi
3:  movb (%esi), %al
    testb %al, %al
    jz 5f
    movb %al, %bl
    movw $0x3fd, %dx               // COM1's line status
    movl $100000, %ecx
4:  inb %dx, %al
    testb $0x20, %al
    loopz 4b
    movw $0x3f8, %dx
    movb %bl, %al
    outb %al, %dx
    incl %esi
    jmp 3b
5:  hlt
    jmp 5b
no_long_mode_text:
    .asciz "Paravane: this processor has no long mode with no-execute pages\r\n"

    .code64
boot_64:
    go_high boot_high
boot_high:
    leaq boot_stack_end - CPU_BLOCK_SIZE(%rip), %rsp
    movl %edi, %esi                // start(magic, physical address of the information)
    movl %ebp, %edi
    xorl %ebp, %ebp                // backtraces end here
    call start
    ud2

// void switch_stack(u64 top, void (*next)()): never returns. Called by start() when the CPU's window exists.
    .text
    .globl switch_stack
    .hidden switch_stack
switch_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    call *%rsi
    ud2

    .section .rodata.boot, "a"
    .balign 8
    .globl boot_gdt
    .hidden boot_gdt
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff       // 64-bit code
    .quad 0x00cf93000000ffff       // data
boot_gdt_end:
boot_gdt_register:
    .short boot_gdt_end - boot_gdt - 1
    .quad PHYSICAL(boot_gdt)       // a 32-bit LGDT reads the low half only

    .section .bss.stack, "aw", @nobits
    .balign STACK_SIZE             // the per-CPU block is found by rounding the stack pointer
    .globl boot_stack_end
    .hidden boot_stack_end
    .skip STACK_SIZE
boot_stack_end:

    .bss
    .balign 4096
    .globl boot_l4
    .hidden boot_l4
boot_l4:
    .skip 4096
boot_l3:
    .skip 4096
boot_l2:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits

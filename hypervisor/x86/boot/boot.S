// SPDX-License-Identifier: MIT
// From the boot loader's 32-bit protected mode to start() in long mode at the linked address. Nothing is mapped yet:
// symbols stand for physical addresses by subtracting IMAGE_OFFSET.
#include "offsets.h"
#include "x86/boot/image.h"

#define PHYSICAL(symbol) (symbol - IMAGE_OFFSET)
#define TABLE 0x3                  // present, writable
#define LARGE 0x83                 // present, writable, 2 MiB

// Into long mode with the tables and descriptors below (Intel SDM volume 3, 9.8.5), from either mode below it.
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

// What boot loaders look for near the start of the file. QEMU's -kernel takes multiboot 1 and refuses ELF64, hence the
// load addresses (Multiboot 0.6.96, 3.1.3); GRUB takes multiboot 2 (Multiboot2 2.0, 3.1).
#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003       // modules on pages, memory information, load addresses
#define MB2_MAGIC 0xe85250d6

    .section .multiboot, "a"
    .balign 8
mb1_header:
    .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
    .long PHYSICAL(mb1_header)
    .long IMAGE_PHYSICAL           // load address
    .long PHYSICAL(data_end)       // end of what is in the file
    .long PHYSICAL(image_end)      // end of the zeroes
    .long PHYSICAL(boot_entry)

    .balign 8
mb2_header:
    .long MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))

    .balign 8                      // information request: command line, modules, memory map
    .short 1, 0
    .long 20
    .long 1, 3, 6
    .balign 8                      // entry address; GRUB would translate e_entry too, this says what is meant
    .short 3, 0
    .long 12
    .long PHYSICAL(boot_entry)
    .balign 8                      // modules on pages
    .short 6, 0
    .long 8
    .balign 8
    .short 0, 0
    .long 8
mb2_end:

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

// How all other processors get into long mode (Intel SDM volume 3, 9.4): they begin in real mode at a page below 1 MiB,
// to which the first part is copied, with the tables above, which are still there and map it where it is.
    .code16
    .globl ap_start, ap_start_end
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

// void switch_stack(u64 top, void (*next)()): never returns. Called by start() when the CPU's window exists.
    .text
    .globl switch_stack
switch_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    call *%rsi
    ud2

    .section .rodata.boot, "a"
    .balign 8
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
    .skip STACK_SIZE
boot_stack_end:

    .bss
    .balign 4096
boot_l4:
    .skip 4096
boot_l3:
    .skip 4096
boot_l2:
    .skip 4 * 4096

// SPDX-License-Identifier: MIT
// Exceptions with every register known, and the hypervisor's frame kept word by word.
// The layout of `captured` is struct Captured of frames.cpp.

    .bss
    .balign 16
    .globl captured
captured:
    .skip 8 * 40
    .balign 4096
capture_stack:
    .skip 4096
    .globl capture_stack_top
capture_stack_top:
resume_rsp:
    .skip 8

    .text
    // A trap handler: registers, RFLAGS and ten words of the stack go to `captured`; back to capture_run's caller.
    .globl capture_entry
capture_entry:
    mov %rax, captured + 0x00(%rip)
    mov %rcx, captured + 0x08(%rip)
    mov %rdx, captured + 0x10(%rip)
    mov %rbx, captured + 0x18(%rip)
    mov %rsp, captured + 0x20(%rip)
    mov %rbp, captured + 0x28(%rip)
    mov %rsi, captured + 0x30(%rip)
    mov %rdi, captured + 0x38(%rip)
    mov %r8, captured + 0x40(%rip)
    mov %r11, captured + 0x48(%rip)
    mov %r15, captured + 0x50(%rip)
    mov %rsp, %rsi
    pushfq
    pop %rax
    mov %rax, captured + 0x58(%rip)
    mov %cs, %eax
    mov %rax, captured + 0x60(%rip)
    mov %ss, %eax
    mov %rax, captured + 0x68(%rip)
    cld
    lea captured + 0x70(%rip), %rdi
    mov $10, %ecx
    rep movsq
    mov resume_rsp(%rip), %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    // void capture_run(u64 kind, u64 address, u64 rsp)
    // kind 0: int3, 1: ud2, 2: read the address, 3: write it, 4: int $0x80, 5: single step, 6: fetch from it
    .globl capture_run
capture_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, resume_rsp(%rip)
    mov %rdx, %rsp
    mov %rsi, %rax
    mov %rdi, %rbx
    mov $0x0c0c, %ecx
    mov $0x0d0d, %edx
    mov $0xb0b0, %ebp
    mov $0x5151, %esi
    mov $0xd1d1, %edi
    mov $0x0808, %r8d
    mov $0x1111, %r11d
    mov $0x1515, %r15d
    cmp $1, %rbx
    jb 10f
    je 11f
    cmp $3, %rbx
    jb 12f
    je 13f
    cmp $5, %rbx
    jb 14f
    je 15f
    jmp *%rax
10: stc
    int3
    .globl after_int3
after_int3:
    ud2
11: stc
    .globl at_ud2
at_ud2:
    ud2
12: stc
    .globl at_read
at_read:
    mov (%rax), %r9
    ud2
13: stc
    .globl at_write
at_write:
    movb $1, (%rax)
    ud2
14: stc
    int $0x80
    .globl after_int80
after_int80:
    ud2
15: pushfq
    orq $0x100, (%rsp)
    popfq
    nop
    .globl after_step
after_step:
    ud2

    .section .note.GNU-stack, "", @progbits

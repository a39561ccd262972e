// SPDX-License-Identifier: MIT
// Code that user_mode.cpp copies into a page of user space: position independent, no stack needed.
    .section .rodata
    .globl user_code, user_code_end
    .globl user_syscall, user_breakpoint, user_read, user_privileged, user_spin, user_gs, user_int80, user_port
    .balign 16
user_code:
user_syscall:                       // all registers to known values, then a system call
    mov $0xa1, %eax
    mov $0xb2, %ebx
    mov $0xd3, %edx
    mov $0x54, %esi
    mov $0xd5, %edi
    mov $0x86, %r8d
    mov $0x97, %r9d
    mov $0x108, %r10d
    mov $0x129, %r12d
    mov $0x15a, %r15d
    syscall
    hlt
user_breakpoint:
    int3
    hlt
user_read:                          // RAX is an address
    mov (%rax), %rbx
    hlt
user_privileged:
    cli
    hlt
user_gs:
    mov %gs:0, %rbx
    syscall
    hlt
user_port:
    in $0xed, %al
    hlt
user_int80:
    int $0x80
    hlt
user_spin:                          // until RAX, counted down, is zero
    dec %rax
    jnz user_spin
    syscall
    hlt
user_code_end:

    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: MIT
// read_tsc: prints the time stamp counter in decimal. The small initramfs runs it first thing in /init, so that two
// hypervisors can be compared by the time at which the same kernel gets there.
    .globl _start
_start:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    lea buffer_end(%rip), %rsi
    mov $10, %ecx
    movb $'\n', -1(%rsi)
    dec %rsi
1:  xor %edx, %edx
    div %rcx
    add $'0', %dl
    dec %rsi
    mov %dl, (%rsi)
    test %rax, %rax
    jnz 1b

    lea buffer_end(%rip), %rdx
    sub %rsi, %rdx
    mov $1, %edi
    mov $1, %eax        // write(1, rsi, rdx)
    syscall
    xor %edi, %edi
    mov $60, %eax       // exit(0)
    syscall

    .bss
    .skip 32
buffer_end:
    .section .note.GNU-stack, "", @progbits

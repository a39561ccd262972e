// SPDX-License-Identifier: MIT
// The shortest handlers that are right: each saves nothing but what the hypervisor's iret takes from the stack.
// They are entered with rcx and r11 on top of the frame (and an error code below those, if there is one).

    .text
    .macro leave flags=0
    pushq $\flags
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $23, %eax                      // iret
    syscall
    .endm

    .globl bench_return                 // goes on where the guest was
bench_return:
    popq %rcx
    popq %r11
    leave

    .globl bench_skip_ud2
bench_skip_ud2:
    popq %rcx
    popq %r11
    addq $2, (%rsp)
    leave

    .globl bench_skip_load              // movq (reg), reg is three bytes long
bench_skip_load:
    popq %rcx
    popq %r11
    addq $8, %rsp
    addq $3, (%rsp)
    leave

    // An event upcall that clears what was set for bench_event_port: the words are named by events.cpp.
    .globl bench_upcall
bench_upcall:
    popq %rcx
    popq %r11
    pushq %rax
    movq bench_vcpu_info(%rip), %rax
    movb $0, (%rax)                     // evtchn_upcall_pending
    movq $0, 8(%rax)                    // evtchn_pending_sel
    movq bench_pending_word(%rip), %rax
    movq $0, (%rax)
    popq %rax
    leave

    .globl bench_syscall                // system call -1 belongs to the runtime, which leaves user mode
bench_syscall:
    cmpq $-1, %rax
    je trap_syscall
    popq %rcx
    popq %r11
    leave 0x100                         // VGCF_in_syscall

    // Code for a page of user space. Each returns the ticks of 256 operations in RBX, by system call -1.
    .section .rodata
    .macro timed
    movl $256, %ebp
    rdtsc
    movl %eax, %r12d
    .endm
    .macro done
    rdtsc
    subl %r12d, %eax
    movl %eax, %ebx
    movq $-1, %rax
    syscall
    .endm

    .globl bench_user_code, bench_user_syscalls, bench_user_faults, bench_user_code_end
bench_user_code:
bench_user_syscalls:
    timed
1:  movl $5, %eax
    syscall
    decl %ebp
    jnz 1b
    done
bench_user_faults:                      // RSI is an address that is not mapped
    timed
1:  movq (%rsi), %rcx
    decl %ebp
    jnz 1b
    done
bench_user_code_end:

    .section .note.GNU-stack, "", @progbits

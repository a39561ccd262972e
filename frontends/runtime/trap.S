// SPDX-License-Identifier: MIT
// Entries from the hypervisor into the guest's kernel. It pushes, low address first: rcx, r11, [error code], rip,
// cs, rflags, rsp, ss; every other register is the interrupted code's. All entries build a guest::TrapFrame.

    .text

    .macro entry vector, has_error=0
    pop %rcx
    pop %r11
    .if \has_error == 0
    push $0
    .endif
    push $\vector
    jmp trap_common
    .endm

    .macro stub vector, has_error=0
    .balign 16
    entry \vector, \has_error
    .endm

    // One stub of 16 bytes for each vector 0-31: trap.cpp takes addresses by multiplication.
    .globl trap_stubs
    .balign 16
trap_stubs:
    .set vector, 0
    .rept 32
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    stub vector, 1
    .else
    stub vector, 0
    .endif
    .set vector, vector + 1
    .endr

    .macro named_entry name, vector
    .globl \name
    .balign 16
\name:
    entry \vector, 0
    .endm
    named_entry trap_software, 0x80
    named_entry trap_event_upcall, 256
    named_entry trap_syscall, 257
    named_entry trap_syscall32, 258
    named_entry trap_sysenter, 260

    // The failsafe callback has ds, es, fs and gs after r11: selectors that could not be loaded. Null ones can.
    .globl trap_failsafe
    .balign 16
trap_failsafe:
    pop %rcx
    pop %r11
    add $32, %rsp
    push %rax
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    pop %rax
    push $0
    push $259
    jmp trap_common

trap_common:
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    mov %rsp, %rbx
    cld
    and $-16, %rsp
    call trap_dispatch
    mov %rbx, %rsp

    // Jumped to with RSP at a complete TrapFrame: leave to where it says.
    .globl trap_return
trap_return:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $16, %rsp
    push $0                                 // flags: restore everything
#ifdef GUEST_HYPERCALL_PAGE
    jmp hypercall_page + 23 * 32            // this slot pushes rcx, r11 and rax itself
#else
    push %rcx
    push %r11
    push %rax
    mov $23, %eax
    syscall
#endif

    // bool trap_attempt(void (*function)(void*), void* argument, u64* resume_rsp): runs the function; trap_dispatch may
    // end it by sending the frame to trap_resume with the stack pointer kept in *resume_rsp and RAX = 1.
    .globl trap_attempt
trap_attempt:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdx)
    mov %rdi, %rax
    mov %rsi, %rdi
    sub $8, %rsp
    call *%rax
    add $8, %rsp
    xor %eax, %eax
    .globl trap_resume
trap_resume:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    // void user_enter(TrapFrame const* frame, u64* resume_rsp): leaves for user mode as the frame says. Returns when
    // trap_dispatch jumps to user_leave, because user code trapped or made a system call.
    .globl user_enter
user_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rsi)
    mov %rdi, %rbx
    lea -8(%rsp), %rsi                      // the stack for entries from user mode begins right below
    mov $0xe02b, %edi
#ifdef GUEST_HYPERCALL_PAGE
    call hypercall_page + 3 * 32
#else
    mov $3, %eax                            // stack_switch(ss, sp)
    syscall
#endif
    mov %rbx, %rsi
    sub $(22 * 8 + 1024), %rsp              // keep the outgoing frame clear of that stack's first pushes
    mov %rsp, %rdi
    mov $22, %ecx
    rep movsq
    jmp trap_return

    // void user_leave(u64 resume_rsp)
    .globl user_leave
user_leave:
    mov %rdi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits

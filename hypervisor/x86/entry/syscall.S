// SPDX-License-Identifier: MIT
// SYSCALL: hypercalls of guest kernels, the iret hypercall among them, and the system calls of their user space.
#include "frame.h"

#define hypercall_handlers _ZN2hv15hypercall_tableE   // hv::hypercall_table, by the names of the Itanium C++ ABI

    .section .text.entry, "ax"

    .macro finish_hardware_frame code:req
    movq $GUEST_DATA, 16(%rsp)
    movq %r11, (%rsp)
    pushq $\code
    pushq %rcx
    pushq $0
    .endm

// SYSRET with what of the guest's registers C++ or a fast path may have changed; rax of the full frame is the caller's.
    .macro sysret_short
    movq SHORT(rdi), %rdi
    movq SHORT(rsi), %rsi
    movq SHORT(rdx), %rdx
    movq SHORT(rax), %rax
    clear_buffers
    movq SHORT(rsp), %rsp
    sysretq
    .endm
    .macro sysret_full
    movq FULL(rdi), %rdi
    movq FULL(rsi), %rsi
    movq FULL(rdx), %rdx
    movq FULL(r10), %r10
    movq FULL(r8), %r8
    movq FULL(r9), %r9
    movq FULL(rbx), %rbx
    clear_buffers
    movq FULL(rsp), %rsp
    sysretq
    .endm

// What a system call and an upcall between instructions push at rsi = top of the guest's stack: r11 = flags; rdi is used.
    .macro write_call_frame fixup:req, selector:req, frame:req    // frame: where the stack pointer is in it
    open_guest_memory
    guest_access \fixup, movq $GUEST_DATA, -8(%rsi)
    movq REGS_rsp - (\frame)(%rsp), %rdi
    guest_access \fixup, movq %rdi, -16(%rsi)
    guest_access \fixup, movq %r11, -24(%rsi)
    guest_access \fixup, movq $\selector, -32(%rsi)
    movq REGS_rip - (\frame)(%rsp), %rdi
    guest_access \fixup, movq %rdi, -40(%rsi)
    guest_access \fixup, movq %r11, -48(%rsi)
    guest_access \fixup, movq %rdi, -56(%rsi)
    .endm

// From the trampoline of this CPU.
function entry_syscall64
    finish_hardware_frame GUEST_CODE64
    push_short
    movq SHORT_CPU(current), %rcx
    cmpb $0, VCPU_in_kernel(%rcx)
    je guest_system_call
    cmpl $HYPERCALL_IRET, %eax
    je guest_iret

    // As dispatch_hypercall (core/hypercall/dispatch.hpp), which multicall and the hosted tests call: to call it here would
    // cost each hypercall six instructions more, and update_va_mapping has half of one to spare.
    push_rest
    cmpl $HYPERCALL_SLOTS, %eax
    jae unknown_hypercall
    movq %rcx, %rbx
    andl $(HYPERCALL_SLOTS - 1), %eax   // also if the comparison is mispredicted (base/index.hpp)
    pushq %r10                     // HypercallArgs, its first member last
    pushq %rdx
    pushq %rsi
    pushq %rdi
    movq %rbx, %rdi
    movq %rsp, %rsi
    leaq hypercall_handlers(%rip), %rcx
    movq (%rcx, %rax, 8), %rax
    call_cpp __x86_indirect_thunk_rax  // Outcome: the value in rax, its kind in dl

    testb %dl, %dl
    jnz repeat_hypercall
    addq $HYPERCALL_ARGS_SIZE, %rsp
finish_hypercall:
    movq %rax, FULL(rax)
    cmpl $-1, VCPU_demotions(%rbx)
    jne exit_to_guest
    cmpl $0, FULL_CPU(pending)
    jne exit_to_guest
    movq VCPU_info(%rbx), %rcx
    cmpw $1, (%rcx)                // pending, and not masked
    je event_after_hypercall

// Nothing but rax has changed since SYSCALL, so SYSRET is right, unless the guest's rip has run out of its half.
return_from_hypercall:
    movq FULL(rip), %rcx
    testq %rcx, %rcx
    jns exit_to_guest
    movq FULL(rflags), %r11
    sysret_full

unknown_hypercall:
    movq $-ERRNO_NOSYS, %rax
    movq %rcx, %rbx
    jmp finish_hypercall

// The guest executes the instruction again, with the arguments as the handler left them.
repeat_hypercall:
    cmpb $OUTCOME_IRET, %dl
    je iret_of_multicall
    popq 24 + FULL(rdi)            // POP counts up before it forms the address
    popq 16 + FULL(rsi)
    popq 8 + FULL(rdx)
    popq FULL(r10)
    subq $2, FULL(rip)
    jmp exit_to_guest

// The upcall of an event that became pending during a hypercall: as write_frame of bounce.S, from the full frame, and
// events are not masked. rbx = vCPU.
event_after_hypercall:
    movq VCPU_event_callback + CALLBACK_address(%rbx), %rax
    testq %rax, %rax
    jz exit_to_guest               // the result is in the frame, not in rax any more
    cmpb $0, VCPU_shows_iopl(%rbx)
    jne exit_to_guest
    movq FULL(rsp), %rsi
    andq $-16, %rsi
    movq $HYPERVISOR_END + 128, %rdx
    cmpq %rdx, %rsi
    jb exit_to_guest
    movq FULL(rflags), %r11
    write_call_frame exit_to_guest, (GUEST_CODE64 - 3), 0
    movb $1, INFO_evtchn_upcall_mask(%rcx)
    andl $~EFLAGS_CLEARED_ON_ENTRY, %r11d
    movq %rax, %rcx
    leaq -56(%rsi), %rax
    movq %rax, FULL(rsp)
    movq FULL(rax), %rax
    sysret_full

// Short frame, rcx = vCPU, which is in user mode: to its kernel's system call handler. rcx and r11 are in the frame on the
// guest's stack and free otherwise, so SYSRET will do.
guest_system_call:
    movq VCPU_syscall_callback + CALLBACK_address(%rcx), %rax
    testq %rax, %rax
    jz system_call_general
    cmpb $0, VCPU_shows_iopl(%rcx)
    jne system_call_general
    movq VCPU_info(%rcx), %rdx
    cmpb $0, INFO_evtchn_upcall_mask(%rdx)
    jne system_call_general
    movq VCPU_kernel_sp(%rcx), %rsi
    andq $-16, %rsi
    movq $HYPERVISOR_END + 128, %rdi
    cmpq %rdi, %rsi
    jb system_call_general
    enter_mode 1, %rcx, %rdi
    write_call_frame system_call_fault, GUEST_CODE64, REGS_rax
    cmpb $0, VCPU_syscall_callback + CALLBACK_mask_events(%rcx)
    je 1f
    movb $1, INFO_evtchn_upcall_mask(%rdx)
1:  andl $~(EFLAGS_CLEARED_ON_ENTRY | EFLAGS_DF | EFLAGS_IOPL), %r11d
    movq %rax, %rcx
    leaq -56(%rsi), %rdi
    movq %rdi, SHORT(rsp)
    sysret_short

system_call_fault:
    enter_mode 0, %rcx, %rdi
system_call_general:
    push_rest
    movq %rsp, %rdi
    call_cpp handle_system_call
    jmp exit_to_guest

// From the other trampoline: SYSCALL in compatibility mode. The upper halves of registers mean nothing there.
function entry_syscall32
    finish_hardware_frame GUEST_CODE32
    push_short
    push_rest
    movq %rsp, %rdi
    call_cpp handle_compatibility_call
    jmp exit_to_guest

// SYSENTER, which 32-bit programs use on Intel's processors: rsp points behind the guest frame's ss. Where it came from
// nobody knows; the flags but IF are the guest's, and NT among them would make an IRETQ fault.
function entry_sysenter
    pushq $GUEST_DATA
    pushq $0
    pushfq
    orl $EFLAGS_IF, (%rsp)
    own_flags
    pushq $GUEST_CODE32
    pushq $0
    pushq $0
    push_short
    push_rest
    movq %rsp, %rdi
    call_cpp handle_sysenter
    jmp exit_to_guest

// The usual return of a kernel to itself, or to its user space; handle_iret in trap.cpp has the rest.
// Short frame, rcx = vCPU in kernel mode. The frame to return to lies at the guest's stack pointer. All of it is read
// before anything changes but the frame here, of which handle_iret needs no more than that stack pointer.
guest_iret:
    movq SHORT(rsp), %rsi
    movq $HYPERVISOR_END, %rdx
    cmpq %rdx, %rsi
    cmovb %rdx, %rsi               // also if the comparison is mispredicted: what is read below decides branches
    jb iret_general
    cmpb $0, VCPU_shows_iopl(%rcx)
    jne iret_general
    open_guest_memory
    guest_access iret_general, movq IRET_rax(%rsi), %rax
    movq %rax, SHORT(rax)
    guest_access iret_general, movq IRET_r11(%rsi), %r11
    guest_access iret_general, movq IRET_rcx(%rsi), %rax
    movq %rax, SHORT(rcx)
    guest_access iret_general, movq IRET_rip(%rsi), %rax
    movq %rax, SHORT(rip)
    guest_access iret_general, movq IRET_cs(%rsi), %rdx
    guest_access iret_general, movq IRET_rflags(%rsi), %rdi
    guest_access iret_general, movq IRET_ss(%rsi), %rax
    orl $3, %eax
    movq %rax, SHORT(ss)
    guest_access iret_general, movq IRET_rsp(%rsi), %rax
    guest_access iret_general, testl $VGCF_IN_SYSCALL, IRET_flags(%rsi)
    close_guest_memory             // leaves the result of the test
    jnz iret_from_system_call
    movl %edx, %esi
    andl $3, %esi
    cmpl $3, %esi
    je 2f
    orl $3, %edx
1:  movq %rdx, SHORT(cs)
    movq %rax, SHORT(rsp)
    movq VCPU_info(%rcx), %rdx
    andl $~(EFLAGS_IOPL | EFLAGS_VM), %edi
    testl $EFLAGS_IF, %edi
    jz 4f
    movq %rdi, SHORT(rflags)
    movb $0, INFO_evtchn_upcall_mask(%rdx)
    cmpb $0, INFO_evtchn_upcall_pending(%rdx)
    jne 3f
    pop_short
    iret_to_guest

2:  cmpq $0, VCPU_user_root(%rcx)
    je iret_general
    enter_mode 0, %rcx, %rsi
    jmp 1b

3:  push_rest                      // r11 is the one to return with
    jmp exit_to_guest

4:  orl $EFLAGS_IF, %edi           // only the virtual flag is clear: events stay masked
    movq %rdi, SHORT(rflags)
    movb $1, INFO_evtchn_upcall_mask(%rdx)
    pop_short
    iret_to_guest

// The guest does not care for rcx and r11: SYSRET, if that leads to where it wants to go. Registers as above.
iret_from_system_call:
    cmpl $GUEST_CODE64, %edx
    jne iret_general
    cmpw $GUEST_DATA, SHORT(ss)
    jne iret_general
    testl $EFLAGS_IF, %edi
    jz iret_general
    movq SHORT(rip), %r11
    shrq $47, %r11                 // in the user's half, hence canonical
    jnz iret_general
    cmpq $0, VCPU_user_root(%rcx)
    je iret_general
    movq VCPU_info(%rcx), %rdx
    movb $0, INFO_evtchn_upcall_mask(%rdx)
    cmpb $0, INFO_evtchn_upcall_pending(%rdx)
    jne iret_general
    enter_mode 0, %rcx, %rsi
    movq %rdi, %r11
    andl $~(EFLAGS_IOPL | EFLAGS_VM | EFLAGS_RF), %r11d
    movq SHORT(rip), %rcx
    movq %rax, SHORT(rsp)
    sysret_short

iret_of_multicall:
    addq $HYPERCALL_ARGS_SIZE, %rsp
    jmp 1f
iret_general:
    push_rest
1:  movq %rsp, %rdi
    call_cpp handle_iret
    // fall through

// rsp = &regs of the guest frame. Whatever is to be done before the guest goes on is done in C++.
function exit_to_guest
    movq FULL_CPU(current), %rbx
    cmpl $0, FULL_CPU(pending)
    jne exit_with_work
    cmpl $-1, VCPU_demotions(%rbx)
    jne exit_with_work
    movq VCPU_info(%rbx), %rcx
    cmpw $1, (%rcx)                // pending, and not masked
    je exit_with_work
    pop_full
    iret_to_guest
exit_with_work:
    movq %rsp, %rdi
    call_cpp prepare_exit
    pop_full
    iret_to_guest

// [[noreturn]] void resume_guest(): from anywhere on this CPU's main stack. What waits for a vCPU that comes anew is no
// pending work of the CPU's.
function resume_guest
    orq $STACK_MASK, %rsp
    leaq 1 - CPU_BLOCK_SIZE - REGS_END(%rsp), %rsp
    jmp exit_with_work

// [[noreturn]] void restart_stack(rdi = function that does not return): with an empty main stack below the guest frame.
function restart_stack
    orq $STACK_MASK, %rsp
    leaq 1 - CPU_BLOCK_SIZE - REGS_END(%rsp), %rsp
    call_cpp __x86_indirect_thunk_rdi

// Where SYSCALL lands: a page that every CPU sees in its own window, beside its own stack, so that code relative to itself
// finds the right stack without a register and without gs. On with rsp at the `rflags` field of the guest frame, with nothing
// in it yet; the `rsp` field behind it holds the guest's stack pointer. rip and rflags are in rcx and r11, interrupts off.
//
// As the thunks of vectors.S, without a free register. Where a RET goes to what a guest has trained, and the barrier is
// still to come, by a far one, which no processor predicts.
    .macro trampoline_to entry
    .balign 64
    .globl trampoline_\entry
trampoline_\entry:
    movq %rsp, trampoline_start + TRAMPOLINE_TO_FRAME_RSP(%rip)
    leaq trampoline_start + TRAMPOLINE_TO_FRAME_RSP(%rip), %rsp
    patch_site PATCH_BARRIER, jmp.d32 3f
    call 2f
1:  pause
    lfence
    jmp 1b
2:  pushq 4f(%rip)                 // the return address stays below it, as the word that rflags are to go to
    ret
3:  pushq $0
    pushq $HV_CODE_SELECTOR
    pushq 4f(%rip)
    lretq
4:  .quad \entry
    .endm
    .section .trampoline, "ax"
    trampoline_to entry_syscall64
    trampoline_to entry_syscall32

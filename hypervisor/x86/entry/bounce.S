// SPDX-License-Identifier: MIT
// Exceptions of a guest straight to its handler, without C++: the common cases of exit.cpp. Each path is reached with
// a short frame; whatever is unusual goes to entry_general with everything as it was.
#include "frame.h"

    .section .text.entry, "ax"

// The words of the frame, which core/pv/trap_frame.cpp (frame_of) describes and makes for all other cases; syscall.S has
// those in which flags and selectors are known. One way for the three would cost each some fifteen of its instructions, of
// which the budgets have none to spare. At rsi = top of the guest's stack: rdi = vCPU, rax = gate, and with code the error code in ecx.
// Until the last of them is written, the guest's registers stay as they are.
    .macro write_frame from_user:req, with_code:req, fixup:req
    open_guest_memory
    .if \with_code
    guest_access \fixup, movq %rcx, -48(%rsi)
    .endif
    movq VCPU_info(%rdi), %rdx
    movzbl INFO_evtchn_upcall_mask(%rdx), %edx
    movq SHORT(ss), %rcx
    guest_access \fixup, movq %rcx, -8(%rsi)
    movq SHORT(rsp), %rcx
    guest_access \fixup, movq %rcx, -16(%rsi)
    movl SHORT(rflags), %ecx       // IF is set, as it always is in a guest
    testl %edx, %edx
    jz .Lunmasked\@
    andl $~EFLAGS_IF, %ecx
    movl $1, %edx
    shlq $32, %rdx
.Lunmasked\@:
    guest_access \fixup, movq %rcx, -24(%rsi)
    movzwl SHORT(cs), %ecx
    .if !\from_user
    andl $~3, %ecx                 // how a PV kernel tells its own frames
    .endif
    orq %rdx, %rcx
    guest_access \fixup, movq %rcx, -32(%rsi)
    movq SHORT(rip), %rcx
    guest_access \fixup, movq %rcx, -40(%rsi)
    movq SHORT(rcx), %rcx
    guest_access \fixup, movq %r11, -48 - 8 * \with_code(%rsi)
    guest_access \fixup, movq %rcx, -56 - 8 * \with_code(%rsi)
    leaq -56 - 8 * \with_code(%rsi), %rcx
    movq %rcx, SHORT(rsp)
    movq GATE_address(%rax), %rcx
    movq %rcx, SHORT(rip)
    movq $GUEST_CODE64, SHORT(cs)
    movq $GUEST_DATA, SHORT(ss)
    andl $~EFLAGS_CLEARED_ON_ENTRY, SHORT(rflags)
    cmpb $0, GATE_mask_events(%rax)
    je .Lenter\@
    movq VCPU_info(%rdi), %rdx
    movb $1, INFO_evtchn_upcall_mask(%rdx)
.Lenter\@:
    pop_short
    iret_to_guest
    .endm

// rdi = vCPU, rax = its gate, ecx = the error code if there is one, general = where it goes on if the guest's stack cannot
// be written.
    .macro bounce with_code:req, general:req
    cmpq $0, GATE_address(%rax)
    je entry_general
    cmpb $0, VCPU_shows_iopl(%rdi)
    jne entry_general
    movq $HYPERVISOR_END + 128, %rdx
    cmpb $0, VCPU_in_kernel(%rdi)
    je .Lfrom_user\@
    movq SHORT(rsp), %rsi
    andq $-16, %rsi
    cmpq %rdx, %rsi
    jb entry_general
    write_frame 0, \with_code, \general

.Lfrom_user\@:
    movq VCPU_kernel_sp(%rdi), %rsi
    andq $-16, %rsi
    cmpq %rdx, %rsi
    jb entry_general
    enter_mode 1, %rdi, %rdx
    write_frame 1, \with_code, \general\()_from_user
    .endm

// The guest's stack cannot be written, that of its kernel if it is in user mode: the general path finds the state it
// knows, and says why. CR2 is that of the store by now.
function bounce_again_from_user
    enter_mode 0, %rdi, %rdx
    jmp entry_general
function page_fault_again_from_user
    enter_mode 0, %rdi, %rdx
function page_fault_again
    movq VCPU_cr2(%rdi), %rax
    movq %rax, %cr2
function bounce_again
    jmp entry_general

// All for which there is a stack; handle_guest_trap in trap.cpp has the rest.
function fast_breakpoint
    testb $3, SHORT(cs)
    jz entry_general
    movq SHORT_CPU(current), %rdi
    leaq VCPU_traps + 3 * GATE_SIZE(%rdi), %rax
    jmp bounce_without_code

// All that can be read; handle_invalid_opcode in trap.cpp has the rest. UD2 may be the prefix for CPUID (xen.h:
// XEN_EMULATE_PREFIX): then "xen" follows.
function fast_invalid_opcode
    testb $3, SHORT(cs)
    jz entry_general
    movq SHORT(rip), %rsi
    movq $HYPERVISOR_END, %rdx
    cmpq %rdx, %rsi
    jb entry_general
    open_guest_memory
    guest_access entry_general, movl (%rsi), %eax
    movq SHORT_CPU(current), %rdi
    cmpl $0x65780b0f, %eax
    je 1f
    leaq VCPU_traps + 6 * GATE_SIZE(%rdi), %rax
    jmp bounce_without_code
1:  guest_access entry_general, cmpl $0xa20f6e65, 3(%rsi)
    jne entry_general
    push_rest
    own_flags
    movq %rsp, %rsi
    call_cpp handle_forced_cpuid
    jmp exit_to_guest

function bounce_without_code
    bounce 0, bounce_again

// A write to a present page by the kernel may be one to a page table, and a fault in ring 3 that is not of the user kind
// comes from a descriptor table. These two are for C++ (handle_page_fault in trap.cpp), and so is the kernel's first look
// at the M2P.
function fast_page_fault
    testb $3, SHORT(cs)
    jz entry_general
    movq SHORT_CPU(current), %rdi
    movl SHORT(error_code), %ecx
    testb $4, %cl
    jz entry_general
    cmpb $0, VCPU_in_kernel(%rdi)
    je 1f
    movl %ecx, %edx
    andl $3, %edx
    cmpl $3, %edx
    je 2f
    movq %cr2, %rax                // perhaps the kernel's first look at the M2P in this root
    shrq $39, %rax
    cmpl $M2P_SLOT_ADDRESS, %eax
    je entry_general
    andl $~4, %ecx                 // user means the guest's user space
1:  movq %cr2, %rax
    movq VCPU_info(%rdi), %rdx
    movq %rax, VCPU_cr2(%rdi)
    movq %rax, INFO_CR2(%rdx)
    leaq VCPU_traps + 14 * GATE_SIZE(%rdi), %rax
    bounce 1, page_fault_again
2:  push_rest
    own_flags
    movq %rsp, %rsi
    call_cpp handle_kernel_write_fault
    jmp exit_to_guest

// The one privileged instruction of every context switch in the guest: RDMSR of the user's GS base, which is the
// inactive one while the kernel runs. All others are handle_general_protection's in trap.cpp.
function fast_general_protection
    testb $3, SHORT(cs)
    jz entry_general
    movq SHORT_CPU(current), %rdi
    cmpl $0, SHORT(error_code)
    jne entry_general
    cmpb $0, VCPU_in_kernel(%rdi)
    je entry_general
    cmpl $0xc0000102, %ecx
    jne entry_general
    movq SHORT(rip), %rsi
    movq $HYPERVISOR_END, %rdx
    cmpq %rdx, %rsi
    jb entry_general
    open_guest_memory
    guest_access entry_general, movzwl (%rsi), %eax
    cmpl $0x320f, %eax
    jne entry_general
    testl $EFLAGS_TF, SHORT(rflags)
    jnz entry_general
    rdmsr
    movq %rax, SHORT(rax)
    movq %rdx, SHORT(rdx)
    addq $2, SHORT(rip)
    pop_short
    iret_to_guest

// SPDX-License-Identifier: MIT
// For the assembly of this folder: the guest frame while it is built, step by step, at the top of the stack.
//
//   hardware frame   rsp = &regs.rip           (pushed by the processor, or by us after SYSCALL)
//   short frame      rsp = &regs.rax           error code, rdi, rsi, rdx, rcx and rax are saved, all others are live
//   full frame       rsp = &regs               what C++ sees as abi::CpuUserRegs
//
// Fast paths work on the short frame and its five scratch registers.
#pragma once
#include "offsets.h"

#define SHORT(field) REGS_##field - REGS_rax(%rsp)
#define FULL(field) REGS_##field(%rsp)
#define SHORT_CPU(field) REGS_END - REGS_rax + CPU_##field(%rsp)
#define FULL_CPU(field) REGS_END + CPU_##field(%rsp)

#define EFLAGS_TF 0x100
#define EFLAGS_IF 0x200
#define EFLAGS_DF 0x400
#define EFLAGS_IOPL 0x3000
#define EFLAGS_NT 0x4000
#define EFLAGS_RF 0x10000
#define EFLAGS_VM 0x20000
#define EFLAGS_AC 0x40000
#define EFLAGS_ALWAYS 2
#define EFLAGS_CLEARED_ON_ENTRY (EFLAGS_TF | EFLAGS_NT | EFLAGS_RF | EFLAGS_VM | EFLAGS_AC)

#define EFLAGS_NEVER_OURS (EFLAGS_CLEARED_ON_ENTRY | EFLAGS_IF | EFLAGS_DF | EFLAGS_IOPL)

// Guest addresses above the hypervisor: what kernel stacks and code of PV kernels are. Others take the general path.
#define HYPERVISOR_END 0xffff880000000000

#define FAULT_AT(instruction, fixup) .pushsection .extable, "a"; .quad instruction, fixup; .popsection

// An instruction that belongs here on some processors only: features.cpp writes over it what does.
#define PATCH_VERW 0      // of 7 bytes
#define PATCH_BARRIER 1   // of 5 bytes
#define PATCH_STAC 2      // of 3 bytes
#define PATCH_CLAC 3      // of 3 bytes
.macro patch_site kind:req, instruction:vararg
.Lpatch\@:
    \instruction
    .pushsection .patch_sites, "a"; .quad .Lpatch\@, \kind; .popsection
.endm
// Around what accesses guest memory, where supervisor mode may not otherwise (SMAP). Both are NOPs of three bytes where there
// is no SMAP. Behind a fault the flags are ours again (handle_hypervisor_trap), so no fixup needs to close.
.macro open_guest_memory
    patch_site PATCH_STAC, .byte 0x0f, 0x1f, 0x00
.endm
.macro close_guest_memory
    patch_site PATCH_CLAC, .byte 0x0f, 0x1f, 0x00
.endm

// The flags of C++. The processor leaves some of the guest's in place on the way in, DF and AC among them.
.macro own_flags
    pushq $EFLAGS_ALWAYS
    popfq
.endm

// Every call from here into C++ (docs/entry.md). Debug builds look at what they have.
.macro call_cpp function:req
#ifdef PARAVANE_DEBUG
    call check_edge
#endif
    call \function
.endm

// A store to or load from guest memory, which is open, that goes on at `fixup` if it faults. AC is the guest's or set
// until own_flags or the way back.
.macro guest_access fixup:req, instruction:vararg
.Laccess\@:
    \instruction
    FAULT_AT(.Laccess\@, \fixup)
.endm

.macro push_short   // error code and vector are on the stack already
    .irp register, rdi, rsi, rdx, rcx, rax
    pushq %\register
    .endr
.endm
.macro pop_short
    .irp register, rax, rcx, rdx, rsi, rdi
    popq %\register
    .endr
    addq $8, %rsp
.endm
// What was loaded for the hypervisor must not stay in the processor's buffers. The last thing before each way to a guest.
.macro clear_buffers
    patch_site PATCH_VERW, verw buffer_selector(%rip)
.endm
.macro push_rest    // and a barrier before the first RET in C++
    patch_site PATCH_BARRIER, call barrier_on_entry
    .irp register, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
    pushq %\register
    .endr
.endm
.macro pop_full
    .irp register, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8
    popq %\register
    .endr
    pop_short
.endm
// Between the guest's modes, with a short frame: root and GS base follow, and user mode finds all ports closed.
.macro enter_mode in_kernel:req, vcpu:req, scratch:req
    .if \in_kernel
    movq VCPU_kernel_root(\vcpu), \scratch
    .else
    movq VCPU_user_root(\vcpu), \scratch
    movw $PORTS_CLOSED, SHORT_CPU(PORTS)
    .endif
    movb $\in_kernel, VCPU_in_kernel(\vcpu)
    swapgs
#ifdef PARAVANE_DEBUG
    incl SHORT_CPU(CR3_WRITES)
#endif
    movq \scratch, %cr3
.endm
// Back to the guest. A fault here is the guest's: its selectors or its address are bad.
.macro iret_to_guest
    clear_buffers
.Liret\@:
    iretq
    FAULT_AT(.Liret\@, iret_fault)
.endm

.macro function name:req
    .globl \name
\name:
.endm

// SPDX-License-Identifier: MIT
// Instructions that traps.cpp tries in the kernel and in user space. Each has UD2 behind it, and a line of the table: where
// it is, where UD2 is, and what it does in the kernel and in user mode: RUNS, FAULTS | vector with an error code, or
// TRAPS | vector, after the instruction. Registers are set by traps.cpp.
#define RUNS 0x100
#define FAULTS 0x200
#define TRAPS 0x400
#define NO_REGISTER 0x800   // traps.cpp says which fault
#define GP 13
#define UD 6
#define PF 14

    .macro probe name:req, kernel:req, kernel_code:req, user:req, user_code:req, instruction:vararg
    .balign 16, 0xcc
.Lat\@:
    \instruction
.Lend\@:
    ud2
    .pushsection .rodata.probe_table, "a"
    .quad .Lat\@, .Lend\@
    .long \kernel, \kernel_code, \user, \user_code
.Lname\@:
    .asciz "\name"
    .skip 32 - (. - .Lname\@)
    .popsection
    .endm
    .macro everywhere name:req, effect:req, code:req, instruction:vararg
    probe "\name", \effect, \code, \effect, \code, \instruction
    .endm
    .macro kernel_only name:req, instruction:vararg
    probe "\name", RUNS, 0, (FAULTS|GP), 0, \instruction
    .endm

    .section .rodata.probe_table, "a"
    .balign 8
    .globl probe_table, probe_table_end
probe_table:

    .section .text.probes, "ax"
    .balign 4096
    .globl probes, probes_end
probes:
    everywhere nop, RUNS, 0, nop
    everywhere divide, FAULTS, 0, div %ecx
    everywhere ud2, (FAULTS|UD), 0, ud2
    everywhere int3, (TRAPS|3), 0, int3
    everywhere "int $3", (TRAPS|3), 0, .byte 0xcd, 3
    everywhere "int $4", (TRAPS|4), 0, int $4
    everywhere "int $0x80", (TRAPS|0x80), 0, int $0x80
    everywhere "int $13", (FAULTS|GP), 0xffffffff, int $13        // an error code that some emulators get wrong
    everywhere "int $14", (FAULTS|GP), 0xffffffff, int $14
    everywhere "int $0x20", (FAULTS|GP), 0xffffffff, int $0x20
    probe syscall, RUNS, 0, (TRAPS|257), 0, syscall
    everywhere hlt, (FAULTS|GP), 0, hlt
    everywhere cli, (FAULTS|GP), 0, cli
    everywhere sti, (FAULTS|GP), 0, sti
    everywhere invd, (FAULTS|GP), 0, invd
    kernel_only wbinvd, wbinvd
    kernel_only clts, clts
    everywhere rdtsc, RUNS, 0, rdtsc
    everywhere rdtscp, RUNS, 0, rdtscp
    everywhere rdpmc, (FAULTS|GP), 0, rdpmc
    everywhere "wrmsr to nowhere", (FAULTS|GP), 0, wrmsr
    everywhere swapgs, (FAULTS|GP), 0, swapgs
    everywhere sysret, (FAULTS|GP), 0, sysretq
    everywhere invlpg, (FAULTS|GP), 0, invlpg (%rbx)
    everywhere lgdt, (FAULTS|GP), 0, lgdt (%rbx)
    everywhere lidt, (FAULTS|GP), 0, lidt (%rbx)
    everywhere lldt, (FAULTS|GP), 0, lldt %ax
    everywhere ltr, (FAULTS|GP), 0, ltr %ax
    everywhere lmsw, (FAULTS|GP), 0, lmsw %ax
    everywhere vmcall, (FAULTS|UD), 0, vmcall
    everywhere "xsetbv without osxsave", (FAULTS|UD), 0, xsetbv
    everywhere "mov to cr0 of 0", (FAULTS|GP), 0, mov %rcx, %cr0
    everywhere "mov from cr8", (FAULTS|GP), 0, mov %cr8, %rax
    everywhere "mov to cr8", (FAULTS|GP), 0, mov %rcx, %cr8
    everywhere "mov from cr1", NO_REGISTER, 0, .byte 0x0f, 0x20, 0xc8
    kernel_only "mov from db4", mov %db4, %rax
    kernel_only "mov to db7", mov %rcx, %db7
    everywhere stac, (FAULTS|UD), 0, stac
    everywhere "forced cpuid", RUNS, 0, .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2
    everywhere "forced rdtsc", (FAULTS|UD), 0, .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0x31
    everywhere "a prefix unlike it", (FAULTS|UD), 0, .byte 0x0f, 0x0b, 0x78, 0x65, 0x6f, 0x0f, 0xa2
    everywhere in, (FAULTS|GP), 0, in %dx, %al
    everywhere out, (FAULTS|GP), 0, out %al, %dx
    everywhere "rep ins of nothing", RUNS, 0, rep insb
    everywhere "non-canonical load", (FAULTS|GP), 0, mov (%rsi), %eax
    everywhere "non-canonical call", (FAULTS|GP), 0, call *(%rsi)
    probe "load of the hypervisor", (FAULTS|PF), 1, (FAULTS|PF), 5, mov (%rdi), %eax
    everywhere "null ss", (FAULTS|GP), 0, mov %ecx, %ss
    everywhere "ss beyond the table", (FAULTS|GP), 0xf004, mov %r8d, %ss
    everywhere "ds beyond the table", (FAULTS|GP), 0xf004, mov %r8d, %ds
    everywhere "ds in no LDT", (FAULTS|GP), 0xc, mov %r9d, %ds
    everywhere "code in ss", (FAULTS|GP), 0xe030, mov %r10d, %ss
    everywhere "the hypervisor's data", (FAULTS|GP), 0xe010, mov %r11d, %ds
    everywhere "mov to cs", (FAULTS|UD), 0, .byte 0x8e, 0xc8
    .globl probe_sysenter
probe_sysenter:
    sysenter
probes_end:
    .section .rodata.probe_table, "a"
probe_table_end:

    .section .note.GNU-stack, "", @progbits

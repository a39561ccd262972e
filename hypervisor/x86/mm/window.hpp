// SPDX-License-Identifier: MIT
// Each CPU's window in L4 slot 259: what the processor itself needs to find in every address space. All windows look
// alike, so that code in one page of them (the system-call trampolines) reaches the rest relative to itself.
#pragma once
#include <array>
#include "portable/base/types.hpp"

namespace hv {
struct Vcpu;

using PortBitmap = std::array<u8, 2 * page_size>;
alignas(page_size) extern PortBitmap port_bitmap;  // x86/pv/port.cpp, the same for all CPUs

namespace window {
inline constexpr u64 base = 0xffff'8180'0000'0000;
inline constexpr u64 pages = 64;
inline constexpr u64 size = pages * page_size;

// Pages of a window.
inline constexpr u64 gdt_page = 0;       // 16: the guest's frames in 0-13, ours in 14, the last one stays absent
inline constexpr u64 own_gdt_page = 14;  // selectors 0xe000 to 0xefff
inline constexpr u64 ldt_page = 16;      // 16
inline constexpr u64 tss_page = 32;      // 3: the TSS, and behind it the bitmap of ports that are closed to ring 3
inline constexpr u64 trampoline_page = 35;
inline constexpr u64 stack_page = 48;  // 16, aligned to their size so that rsp | stack_mask finds the CPU's block
inline constexpr u64 stack_pages = 16;
inline constexpr u64 stack_mask = stack_pages * page_size - 1;

// Pages of the stacks: every stack has an absent page below it.
inline constexpr u64 fatal_stack_page = 1;  // 2: double fault and machine check
inline constexpr u64 fatal_stack_pages = 2;
inline constexpr u64 nmi_stack_page = 4;  // 1
// 1: #DB may hit the first instruction of a system call, on the guest's stack.
inline constexpr u64 debug_stack_page = 6;
inline constexpr u64 main_stack_page = 8;  // 8
inline constexpr u64 main_stack_pages = 8;

constexpr u64 address(CpuId cpu, u64 page) { return base + cpu * size + page * page_size; }
constexpr u64 stack_end(CpuId cpu) { return address(cpu, stack_page + stack_pages); }

// Which page of the LDT an address in this CPU's window belongs to, if any.
constexpr bool is_ldt(CpuId cpu, u64 va) { return va - address(cpu, ldt_page) < 16 * page_size; }
constexpr u64 ldt_offset(CpuId cpu, u64 va) { return va - address(cpu, ldt_page); }

// Where the CPU's TSS says that the bitmap is; beyond the segment's limit, all ports are closed.
inline constexpr u16 ports_open = page_size;
inline constexpr u16 ports_closed = 0xffff;
inline constexpr u64 offset_in_tss = 102;
inline u16 volatile& port_bitmap_offset(CpuId cpu) {
    return *reinterpret_cast<u16*>(address(cpu, tss_page) + offset_in_tss);
}

// Maps the window of a CPU; its main stack gets the given frames. Memory comes from the hypervisor's.
void create(CpuId cpu, Mfn main_stack);

// Puts the descriptor tables of a vCPU before this CPU; empty ones if it is idle.
void load_descriptor_tables(Vcpu const& vcpu);
}  // namespace window
}  // namespace hv

// Our page of the GDT begins at 0xe000. Three more of its selectors are ABI (public/vcpu.hpp: flat_*).
namespace hv::selector {
inline constexpr u16 hv_code = 0xe008, hv_data = 0xe010, tss = 0xe040, ldt = 0xe050;
}  // namespace hv::selector

// GDT, TSS, IDT and the system-call registers of a CPU. The guest's descriptors come before ours in the same table.
namespace hv::segments {
void init_idt();       // once
void load(CpuId cpu);  // on each CPU, with its window mapped: GDT, TSS, IDT, selectors, system-call registers
void set_ldt(CpuId cpu, u32 entries);  // 0: no LDT. Of this CPU only.
}  // namespace hv::segments

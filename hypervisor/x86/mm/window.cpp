// SPDX-License-Identifier: MIT
#include "x86/mm/window.hpp"
#include <algorithm>
#include <array>
#include <cstddef>
#include "base/assert.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/vcpu.hpp"
#include "portable/base/pte.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/mm/paging.hpp"

extern "C" {
// By x86/entry: where each vector goes.
extern hv::u64 const entry_vector_table[256];
extern char const entry_sysenter[];
// By entry/syscall.S, which is mapped in every CPU's window.
extern char const trampoline_entry_syscall64[], trampoline_entry_syscall32[], trampoline_start[];
}

namespace hv::segments {
namespace {
// Descriptors (Intel SDM volume 3, 3.4.5 and 7.2).
constexpr u64 code64_ring0 = 0x00af'9b00'0000'ffff;
constexpr u64 data_ring0 = 0x00cf'9300'0000'ffff;
constexpr u64 code32_ring3 = 0x00cf'fb00'0000'ffff;
constexpr u64 data_ring3 = 0x00cf'f300'0000'ffff;
constexpr u64 code64_ring3 = 0x00af'fb00'0000'ffff;
constexpr u32 ist_fatal = 1, ist_nmi = 2, ist_debug = 3;  // the first one for #DF and #MC
constexpr u8 type_tss = 0x89;
constexpr u8 type_ldt = 0x82;

struct [[gnu::packed]] Tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];  // ist[0] is IST 1
    u64 reserved2;
    u16 reserved3;
    u16 io_bitmap;
};
static_assert(sizeof(Tss) == 104 && offsetof(Tss, io_bitmap) == window::offset_in_tss);

struct Gate {
    u64 low;
    u64 high;
};
alignas(4096) constinit std::array<Gate, 256> idt{};

u64& descriptor(CpuId cpu, u16 selector) {
    return reinterpret_cast<u64*>(window::address(cpu, window::own_gdt_page))[(selector & 0xfff) >> 3];
}

void set_system_descriptor(CpuId cpu, u16 selector, u64 address, u64 limit, u8 type) {
    u64* entry = &descriptor(cpu, selector);
    entry[1] = address >> 32;
    entry[0] = (limit & 0xffff) | (address & 0xff'ffff) << 16 | u64{type} << 40 | (limit >> 16 & 0xf) << 48 |
               (address >> 24 & 0xff) << 56;
}

u32 stack_table_entry(u32 vector) {
    return vector == 1 ? ist_debug : vector == 2 ? ist_nmi : vector == 8 || vector == 18 ? ist_fatal : 0;
}

// Guests use INT3, INTO and, for 32-bit programs, INT 0x80 straight; any other INT n faults and is decided in software.
u64 gate_privilege(u32 vector) { return vector == 3 || vector == 4 || vector == 0x80 ? 3 : 0; }

u64 stack_top(CpuId cpu, u64 page) { return window::address(cpu, window::stack_page + page); }

void load_code_selector() {
    asm volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
                 :
                 : "i"(selector::hv_code)
                 : "rax", "memory");
}
}  // namespace

void init_idt() {
    constexpr u64 interrupt_gate = 0x8e00;  // present, interrupts off on entry
    for (u32 vector = 0; vector < idt.size(); ++vector) {
        u64 target = entry_vector_table[vector];
        idt[vector].low = (target & 0xffff) | u64{selector::hv_code} << 16 | u64{stack_table_entry(vector)} << 32 |
                          (interrupt_gate | gate_privilege(vector) << 13) << 32 | (target & 0xffff'0000) << 32;
        idt[vector].high = target >> 32;
    }
}

void load(CpuId cpu) {
    auto& tss = *reinterpret_cast<Tss*>(window::address(cpu, window::tss_page));
    tss = {};
    tss.rsp[0] = reinterpret_cast<u64>(&guest_frame(cpu_block(cpu)).es);  // the processor pushes from behind ss on
    tss.ist[ist_fatal - 1] = stack_top(cpu, window::fatal_stack_page + window::fatal_stack_pages);
    tss.ist[ist_nmi - 1] = stack_top(cpu, window::nmi_stack_page + 1);
    tss.ist[ist_debug - 1] = stack_top(cpu, window::debug_stack_page + 1);
    tss.io_bitmap = window::ports_closed;

    descriptor(cpu, selector::hv_code) = code64_ring0;
    descriptor(cpu, selector::hv_data) = data_ring0;
    descriptor(cpu, abi::selector::flat_cs32) = code32_ring3;
    descriptor(cpu, abi::selector::flat_ss) = data_ring3;
    descriptor(cpu, abi::selector::flat_cs64) = code64_ring3;
    set_system_descriptor(cpu, selector::tss, window::address(cpu, window::tss_page), 3 * page_size - 1, type_tss);

    cpu::lgdt({.limit = 0xefff, .base = window::address(cpu, window::gdt_page)});
    load_code_selector();
    asm volatile("mov %0, %%ss" : : "r"(u32{selector::hv_data}));
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    cpu::ltr(selector::tss);
    cpu::lldt(0);
    cpu::lidt({.limit = sizeof(idt) - 1, .base = reinterpret_cast<u64>(idt.data())});

    // SYSCALL: our selectors from bit 32 on; SYSRET: 16 and 8 above those in bit 48. Both are ABI for guests.
    msr::write(msr::star, u64{selector::hv_code} << 32 | u64{abi::selector::flat_cs32} << 48);
    u64 page = window::address(cpu, window::trampoline_page);
    msr::write(msr::lstar, page + static_cast<u64>(trampoline_entry_syscall64 - trampoline_start));
    msr::write(msr::cstar, page + static_cast<u64>(trampoline_entry_syscall32 - trampoline_start));
    msr::write(msr::sfmask, 0x4'7700);  // AC NT IOPL DF IF TF
    msr::write(msr::sysenter_cs, selector::hv_code);
    msr::write(msr::sysenter_esp, tss.rsp[0]);
    msr::write(msr::sysenter_eip, reinterpret_cast<u64>(entry_sysenter));
}

void set_ldt(CpuId cpu, u32 entries) {
    if (!entries) return cpu::lldt(0);
    set_system_descriptor(cpu, selector::ldt, window::address(cpu, window::ldt_page), u64{entries} * 8 - 1, type_ldt);
    cpu::lldt(selector::ldt);
}
}  // namespace hv::segments

namespace hv::window {
namespace {
constinit Mfn empty_page{};  // zeroes: where the guest has no descriptors it shall get #GP, not a fault in our window

Mfn new_page() {
    std::byte* memory = alloc_heap(0);
    if (!memory) panic("no memory for a processor's window");
    return hal::mfn_of(memory);
}

void map_new_pages(CpuId cpu, u64 page, u64 count) {
    for (u64 i = 0; i < count; ++i) paging::map(address(cpu, page + i), new_page(), paging::read_write);
}

// Sets the pages from `page` on to these frames, and those that were in use beyond them to emptiness.
void show(CpuId cpu, u64 page, std::span<Mfn const> frames, u32& in_use) {
    u32 count = static_cast<u32>(frames.size());
    for (u32 i = 0; i < std::max(count, in_use); ++i) {
        u64 va = address(cpu, page + i);
        Pte wanted = i >= count         ? Pte::make(empty_page, paging::read_only)
                     : !frames[i].value ? Pte{}  // a page of an LDT that has to be looked for when it is used
                                        : Pte::make(frames[i], paging::read_write);
        Pte& entry = paging::l1_entry(va);
        if (entry == wanted) continue;
        entry = wanted;
        x86_tlb::drop_page(va);
    }
    in_use = count;
}

u32 frames_of(u32 entries) { return static_cast<u32>(pages_of(entries * u64{8})); }
}  // namespace

void create(CpuId cpu, Mfn main_stack) {
    if (!empty_page.value) empty_page = new_page();
    for (u64 i = 0; i < max_gdt_frames; ++i) paging::map(address(cpu, gdt_page + i), empty_page, paging::read_only);
    for (u64 i = 0; i < max_ldt_frames; ++i) paging::map(address(cpu, ldt_page + i), empty_page, paging::read_only);
    map_new_pages(cpu, own_gdt_page, 1);
    map_new_pages(cpu, tss_page, 1);
    for (u64 i = 0; i < 2; ++i)
        paging::map(address(cpu, tss_page + 1 + i), Mfn{paging::image_physical(&port_bitmap) >> page_shift} + i,
                    paging::read_only);
    paging::map(address(cpu, trampoline_page), Mfn{paging::image_physical(trampoline_start) >> page_shift},
                paging::read_execute);
    map_new_pages(cpu, stack_page + fatal_stack_page, fatal_stack_pages);
    map_new_pages(cpu, stack_page + nmi_stack_page, 1);
    map_new_pages(cpu, stack_page + debug_stack_page, 1);
    for (u64 i = 0; i < main_stack_pages; ++i)
        paging::map(address(cpu, stack_page + main_stack_page + i), main_stack + i, paging::read_write);
}

void load_descriptor_tables(Vcpu const& vcpu) {
    CpuBlock& cpu = this_cpu();
    show(cpu.id, gdt_page, {vcpu.gdt_frames.data(), frames_of(vcpu.gdt_entries)}, cpu.gdt_frames);
    show(cpu.id, ldt_page, {vcpu.ldt_frames.data(), frames_of(vcpu.ldt_entries)}, cpu.ldt_frames);
    segments::set_ldt(cpu.id, vcpu.ldt_entries);
}
}  // namespace hv::window

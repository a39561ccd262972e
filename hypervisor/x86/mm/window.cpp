// SPDX-License-Identifier: MIT
#include "x86/mm/window.hpp"
#include <algorithm>
#include "base/assert.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/vcpu.hpp"
#include "x86/cpu/segments.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/mm/paging.hpp"
#include "x86/mm/tlb.hpp"

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

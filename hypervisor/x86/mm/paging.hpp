// SPDX-License-Identifier: MIT
// The hypervisor's own address space: L4 slots 256 to 271, the same tables in every root (docs/memory-map.md).
#pragma once
#include "core/mm/held_root.hpp"
#include "core/mm/tlb_clock.hpp"
#include "portable/base/pte.hpp"
#include "x86/boot/boot_info.hpp"
#include "x86/boot/image.h"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"

// Borders in the image, by the linker script.
extern "C" {
extern char const image_start[], text_end[], rodata_end[], data_end[], image_end[], trampoline_start[];
}

namespace hv::paging {
inline constexpr u64 m2p_readonly_base = 0xffff'8000'0000'0000;
inline constexpr u64 m2p_base = 0xffff'8080'0000'0000;
inline constexpr u64 frame_table_base = 0xffff'8100'0000'0000;
inline constexpr u64 fixmap_base = 0xffff'8200'0000'0000;
inline constexpr u64 direct_map_base = 0xffff'8300'0000'0000;
inline constexpr u64 direct_map_size = u64{10} << 39;  // slots 262 to 271

inline constexpr u64 read_only = Pte::present | Pte::accessed | Pte::no_execute;
inline constexpr u64 read_write = read_only | Pte::writable | Pte::dirty;
inline constexpr u64 read_execute = Pte::present | Pte::accessed;
inline constexpr u64 device = read_write | Pte::write_through | Pte::cache_disable;  // PAT entry 3: uncached

inline std::byte* direct_map(Maddr address) { return reinterpret_cast<std::byte*>(direct_map_base + address.value); }
inline std::byte* direct_map(Mfn mfn) { return direct_map(Maddr{mfn.value << page_shift}); }
inline u64 image_physical(void const* symbol) { return reinterpret_cast<u64>(symbol) - IMAGE_OFFSET; }

// Builds the tables and leaves the boot loader's world: the first 4 GiB are reachable through the direct map before it,
// all RAM after it, and nothing below the hypervisor's slots.
void init(boot::BootInfo const& info);
// The frame table and the M2P for that many frames, and core's pointers to them. All memory is core's page allocator's
// from then on.
void init_frame_tables(u64 frames);

void map(u64 address, Mfn mfn, u64 flags);  // one page
Pte& l1_entry(u64 address);                 // of a page that lies in the hypervisor's own slots; makes the tables
u64 map_device(Maddr address, u64 size);    // uncached, for good; the address of its first byte

u64 idle_root();  // a root with nothing but the hypervisor in it: for idle CPUs and at boot
}  // namespace hv::paging

// Flushing what CPUs remember of page tables. Entries are never global, so loading CR3 drops everything.
namespace hv::x86_tlb {
// This CPU's part of what another one asked for: from the interrupt, and while waiting with interrupts off.
void answer();

inline void load_root(u64 root) {
    tlb::note_flush(this_cpu().id);
    count_event(perf::Event::cr3_write);
    cpu::write_cr3(root);
}
// Without a root nothing of a guest's is there: the vCPU faults at once.
inline void load_root(HeldRoot const& root) { load_root(root ? root.cr3_or(0) : paging::idle_root()); }
inline void drop_page(u64 address) {
    count_event(perf::Event::page_flush);
    cpu::invlpg(address);
}
}  // namespace hv::x86_tlb

// RAM before core's page allocator exists: what the image, the modules and the first 64 KiB leave free.
namespace hv::boot_memory {
void init(boot::BootInfo const& info);

// Frames below `limit`, aligned to `alignment` frames, from the top; not cleared. Panics if there are none: a machine
// that cannot hold its own tables cannot be used.
Mfn take(u64 frames, u64 alignment, Mfn limit);

// All that was not taken becomes the page allocator's; what was taken is marked as the hypervisor's.
void hand_over();

// A module's frames, once its contents are not needed any more.
void release_module(boot::Module const& module);
}  // namespace hv::boot_memory

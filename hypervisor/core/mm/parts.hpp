// SPDX-License-Identifier: MIT
// What a domain and a vCPU are to memory management.
#pragma once
#include "base/bitmap.hpp"
#include "base/lock.hpp"
#include "core/mm/held_root.hpp"
#include "public/memory.hpp"
#include "public/shared_info.hpp"

namespace hv {
inline constexpr u32 max_gdt_frames = 14;  // selectors from 0xe000 on are the hypervisor's
inline constexpr u32 max_ldt_frames = 16;
using MapEntries = std::array<abi::E820Entry, page_size / sizeof(abi::E820Entry)>;
}  // namespace hv

namespace hv::mm {
struct VcpuPart {
    HeldRoot kernel_root;       // what its kernel runs on: there since it has a context. Assembly reads both
    HeldRoot user_root;         // what its user space runs on, if it has one
    DemotionQueue demotions{};  // assembly asks whether there are any

    // Descriptor tables; each frame holds a typed segdesc reference.
    std::array<Mfn, max_gdt_frames> gdt_frames{};
    u32 gdt_entries = 0;
    std::array<Mfn, max_ldt_frames> ldt_frames{};
    u32 ldt_entries = 0;
    u64 ldt_base = 0;
};

struct DomainPart {
    Spinlock<LockRank::page_list> pages_lock;  // guards the page list
    u32 pages_head = no_frame;
    u32 orphans_head = no_frame;  // a dying domain's frames that are still mapped somewhere
    std::atomic<u64> pages{0};    // frames in the page list, or about to be
    u64 max_pages = 0;
    std::atomic<u64> claimed_pages{0};  // free frames set aside for it, changed under the allocator's lock
    std::atomic<u64> live_frames{0};    // those and hypervisor frames shared with it; the domain lives while any do
    abi::SharedInfo* shared_info = nullptr;
    Mfn shared_info_mfn{};
    bool may_map_io = false;           // dom0: any machine address that is not the hypervisor's
    CpuMask dirty_cpus;                // CPUs whose TLB may hold entries of this domain
    MapEntries* memory_map = nullptr;  // set by the toolstack; null: none. Under pages_lock
    u32 memory_map_entries = 0;
};
}  // namespace hv::mm

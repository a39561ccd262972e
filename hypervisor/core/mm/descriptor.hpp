// SPDX-License-Identifier: MIT
// Segment descriptors that a PV guest may have (Intel SDM volume 3, 3.4.5): code and data at ring 3, call gates to
// them.
#pragma once
#include <span>
#include "core/mm/page_info.hpp"
#include "core/vcpu.hpp"
#include "portable/base/result.hpp"

namespace hv {
inline constexpr u32 descriptors_per_page = 512;
inline constexpr u32 max_gdt_entries = max_gdt_frames * descriptors_per_page;
inline constexpr u32 max_ldt_entries = max_ldt_frames * descriptors_per_page;
constexpr u32 descriptor_pages(u64 entries) {  // `entries` at most 2^32
    return static_cast<u32>((entries + descriptors_per_page - 1) / descriptors_per_page);
}

// The descriptor as it may be stored: segments at privilege level 3, call gates at 0; inval if no guest may have it.
Result<u64> checked_descriptor(u64 raw);

// Promotion of a descriptor page: checks and fixes all 512 entries. Errno::ok or inval.
Errno validate_descriptors(PageInfo& page);

void release_gdt(Vcpu& vcpu);
void release_ldt(Vcpu& vcpu);
Result<> set_gdt(Vcpu& vcpu, std::span<Mfn const> frames, u32 entries);  // checks, then replaces the old one

// The LDT is where its addresses map when the processor looks: pages that are not (yet) fit to be descriptor pages stay
// away until load_ldt_page finds them so, and puts them before the processor: the instruction is tried again.
Result<> set_ldt(Vcpu& vcpu, u64 base, u64 entries);  // inval, or again: nothing has changed
Result<> load_ldt_page(Vcpu& vcpu, u32 page);         // again: it is just becoming one; fault: the guest gets it
Result<> load_ldt_page_of(Vcpu& vcpu, u16 selector);  // the same for a load on the guest's behalf that has failed

// Stores one descriptor at a machine address: in a page that is in use as a table, or in one that may become one. inval
// for a descriptor that no guest may have, a misaligned address, a page that is not the domain's or is a page table;
// again.
Result<> store_descriptor(Domain& domain, Maddr place, u64 descriptor);
}  // namespace hv

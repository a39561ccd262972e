// SPDX-License-Identifier: MIT
// Segment descriptors that a PV guest may have (Intel SDM volume 3, 3.4.5): code and data at ring 3, call gates to
// them.
#pragma once
#include <span>
#include "base/result.hpp"
#include "core/mm/page_info.hpp"

namespace hv {
// The descriptor as it may be stored: segments at privilege level 3, call gates at 0; inval if no guest may have it.
Result<u64> checked_descriptor(u64 raw);

// Promotion of a descriptor page: checks and fixes all 512 entries. Errno::ok or inval.
Errno validate_descriptors(PageInfo& page);

struct Vcpu;
void release_gdt(Vcpu& vcpu);
void release_ldt(Vcpu& vcpu);
Result<> set_gdt(Vcpu& vcpu, std::span<Mfn const> frames, u32 entries);  // checks, then replaces the old one

// The LDT is where its addresses map when the processor looks: pages that are not (yet) fit to be descriptor pages stay
// away until load_ldt_page finds them so, or finds that they are just becoming it: the instruction is tried again.
// False: still not; the guest gets the fault.
Result<> set_ldt(Vcpu& vcpu, u64 base, u64 entries);
bool load_ldt_page(Vcpu& vcpu, u32 page);
}  // namespace hv

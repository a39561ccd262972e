// SPDX-License-Identifier: MIT
// The set_gdt and update_descriptor hypercalls.
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/mm/descriptor.hpp"

namespace hv {
// (frames*, entries): the guest part of the GDT, at most 7168 entries.
Outcome do_set_gdt(Vcpu& vcpu, HypercallArgs& args) {
    u64 const entries = args[1];
    if (entries > max_gdt_entries) return Errno::inval;
    std::array<Mfn, max_gdt_frames> frames{};
    u32 const count = descriptor_pages(entries);
    TRY(copy_in_bytes(frames.data(), args[0], count * sizeof(Mfn)));
    return set_gdt(vcpu, {frames.data(), count}, static_cast<u32>(entries));
}

// (machine address, descriptor)
Outcome do_update_descriptor(Vcpu& vcpu, HypercallArgs& args) {
    return store_descriptor(*vcpu.domain, Maddr{args[0]}, args[1]);
}
}  // namespace hv

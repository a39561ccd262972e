// SPDX-License-Identifier: MIT
#include "core/grant/mapping.hpp"
#include "core/mm/l1_entry.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
using namespace abi::gntmap;

namespace {
Result<L1Slot> slot_for(Vcpu& vcpu, u64 host_addr, bool contains_pte) {
    return contains_pte ? l1_slot_at(*vcpu.domain, Maddr{host_addr}) : find_l1(vcpu, host_addr);
}

bool write_entry(Vcpu& vcpu, abi::GnttabMapGrantRef const& op, Domid granter, Mfn frame) {
    auto slot = slot_for(vcpu, op.host_addr, op.flags & contains_pte);
    if (!slot) return false;
    u64 const flags = Pte::present | Pte::user | Pte::accessed | Pte::dirty |
                      (op.flags & readonly ? 0 : Pte::writable) |
                      (u64{op.flags >> guest_avail_shift} << 9 & Pte::available);
    return bool{replace_l1(slot->entry, Pte::make(frame, flags), *vcpu.domain, PageOwner{granter, false})};
}

// The entry must still map the frame, as it did.
bool clear_entry(Vcpu& vcpu, u64 host_addr, Mapping const& mapping) {
    auto slot = slot_for(vcpu, host_addr, mapping.flags & contains_pte);
    if (!slot) return false;
    Pte const entry = slot->load();
    bool const writable = mapping.access() == Access::write;
    if (!entry.is_present() || entry.mfn().value != mapping.frame || entry.is_writable() != writable) return false;
    return bool{replace_l1(slot->entry, Pte{}, *vcpu.domain, PageOwner::of(*vcpu.domain))};
}
}  // namespace

Domain* Granters::find(Domid id) {
    if (!held_ || id != last_) {
        auto found = id == abi::domid_self ? Result<DomainRef>{DomainRef{caller_}} : find_domain(id);
        if (!found) return nullptr;
        held_.emplace(*std::move(found));
        last_ = id;
    }
    return (*held_)->is_dying() ? nullptr : &**held_;
}

GrantStatus hold_frame(Domain& granter, Mfn frame, Access access) {
    if (access == Access::read) {
        auto page = get_page(frame, granter.id);
        if (page) (void)(*std::move(page)).leak();
        return page ? GrantStatus::okay : GrantStatus::bad_page;
    }
    auto typed = get_writable(frame, granter.id);
    if (!typed) return typed.error() == Errno::inval ? GrantStatus::bad_page : GrantStatus::general_error;
    (void)(*std::move(typed)).leak();
    return GrantStatus::okay;
}

void release_frame(Mfn frame, Access access) {
    access == Access::write ? TypedRef::release(page_of(frame)) : PageRef::release(page_of(frame));
}

GrantStatus map_grant(Vcpu& vcpu, Granters& granters, abi::GnttabMapGrantRef& op) {
    if (!(op.flags & Mapping::kinds)) return GrantStatus::bad_gntref;
    Domain* const granter = granters.find(op.dom);
    if (!granter) return GrantStatus::bad_domain;
    GrantTable& own = *vcpu.domain->grants;
    Result<u32> const handle = own.reserve_handle();
    if (!handle) return GrantStatus::no_device_space;

    Access const access = op.flags & readonly ? Access::read : Access::write;
    Mfn frame;
    GrantStatus status = granter->grants->begin_use(op.ref, vcpu.domain->id, access, frame);
    if (status == GrantStatus::okay) {
        status = hold_frame(*granter, frame, access);
        if (status == GrantStatus::okay) {
            if (!(op.flags & host_map) || write_entry(vcpu, op, granter->id, frame)) {
                u16 const flags = static_cast<u16>(op.flags & (Mapping::kinds | readonly | contains_pte));
                own.record(*handle, {frame.value, op.ref, granter->id, flags});
                op.handle = abi::GrantHandle{*handle};
                op.dev_bus_addr = frame.value << page_shift;
                return GrantStatus::okay;
            }
            status = GrantStatus::general_error;
            release_frame(frame, access);
        }
        granter->grants->end_use(op.ref, access);
    }
    own.free_handle(*handle);
    return status;
}

EndedMapping begin_unmap(Vcpu& vcpu, abi::GnttabUnmapGrantRef const& op) {
    GrantTable& own = *vcpu.domain->grants;
    u32 const handle = op.handle.value;
    Mapping const mapping = own.claim(handle);
    u16 const had = mapping.flags & Mapping::kinds;
    if (!had) return {GrantStatus::bad_handle, false, handle, mapping};
    u16 const ending = had & static_cast<u16>((op.host_addr ? host_map : 0) | (op.dev_bus_addr ? device_map : 0));
    bool const right_bus = !(ending & device_map) || op.dev_bus_addr == mapping.frame << page_shift;
    if (!right_bus || ((ending & host_map) && !clear_entry(vcpu, op.host_addr, mapping))) {
        own.give_back(handle, had);
        return {GrantStatus::general_error, false, handle, mapping};
    }
    if (had != ending) own.give_back(handle, had & static_cast<u16>(~ending));
    return {GrantStatus::okay, had == ending, handle, mapping};
}

void end_mapping(GrantTable& table, u32 handle, Mapping const& mapping) {
    // The frame is still held, so its owner is still there.
    owner_of_live_frame(mapping.granter).grants->end_use(mapping.ref, mapping.access());
    release_frame(Mfn{mapping.frame}, mapping.access());
    table.free_handle(handle);
}
}  // namespace hv

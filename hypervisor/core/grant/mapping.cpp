// SPDX-License-Identifier: MIT
#include "core/grant/mapping.hpp"
#include "core/mm/l1_entry.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
namespace {
Access access_of(Mapping const& mapping) { return mapping.flags & Mapping::writable ? Access::write : Access::read; }

Result<L1Slot> slot_for(Vcpu& vcpu, u64 host_addr, bool contains_pte) {
    return contains_pte ? l1_slot_at(*vcpu.domain, Maddr{host_addr}) : find_l1(vcpu, host_addr);
}

u64 entry_flags(abi::GnttabMapGrantRef const& op) {
    u64 flags = Pte::present | Pte::user | Pte::accessed | Pte::dirty;
    if (!(op.flags & abi::gntmap::readonly)) flags |= Pte::writable;
    return flags | (u64{op.flags >> abi::gntmap::guest_avail_shift} << 9 & Pte::available);
}

// The mapping's own hold on the frame, given up to the maptrack entry.
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

GrantStatus write_entry(Vcpu& vcpu, abi::GnttabMapGrantRef const& op, Domain& granter, Mfn frame) {
    auto slot = slot_for(vcpu, op.host_addr, op.flags & abi::gntmap::contains_pte);
    if (!slot) return GrantStatus::general_error;
    Pte wanted = Pte::make(frame, entry_flags(op));
    Result<> written = replace_l1(slot->entry, wanted, *vcpu.domain, PageOwner{granter.id, false});
    return written ? GrantStatus::okay : GrantStatus::general_error;
}

GrantStatus map_held(Vcpu& vcpu, abi::GnttabMapGrantRef& op, Domain& granter, Mfn frame, Access access, u32 handle) {
    GrantStatus status = hold_frame(granter, frame, access);
    if (status != GrantStatus::okay) return status;
    if (op.flags & abi::gntmap::host_map) status = write_entry(vcpu, op, granter, frame);
    if (status != GrantStatus::okay) {
        release_frame(frame, access);
        return status;
    }
    u32 flags = (op.flags & abi::gntmap::host_map ? Mapping::host : 0u) |
                (op.flags & abi::gntmap::device_map ? Mapping::device : 0u) |
                (op.flags & abi::gntmap::contains_pte ? Mapping::by_entry : 0u) |
                (access == Access::write ? Mapping::writable : 0u);
    vcpu.domain->grants->record(
        handle, {.frame = frame.value, .ref = op.ref, .granter = granter.id, .flags = static_cast<u16>(flags)});
    op.handle = abi::GrantHandle{handle};
    op.dev_bus_addr = frame.value << page_shift;
    return GrantStatus::okay;
}
}  // namespace

GrantStatus map_grant(Vcpu& vcpu, abi::GnttabMapGrantRef& op) {
    if (!(op.flags & (abi::gntmap::host_map | abi::gntmap::device_map))) return GrantStatus::bad_gntref;
    auto granter = op.dom == abi::domid_self ? Result<DomainRef>{DomainRef{*vcpu.domain}} : find_domain(op.dom);
    if (!granter || (*granter)->is_dying()) return GrantStatus::bad_domain;
    GrantTable& own = *vcpu.domain->grants;
    auto handle = own.reserve_handle();
    if (!handle) return GrantStatus::no_device_space;

    Access access = op.flags & abi::gntmap::readonly ? Access::read : Access::write;
    GrantTable::Use use = (*granter)->grants->begin_use(op.ref, vcpu.domain->id, access);
    GrantStatus status = use.status;
    if (status == GrantStatus::okay) {
        status = map_held(vcpu, op, **granter, use.frame, access, *handle);
        if (status != GrantStatus::okay) (*granter)->grants->end_use(op.ref, access);
    }
    if (status != GrantStatus::okay) own.free_handle(*handle);
    return status;
}

EndedMapping begin_unmap(Vcpu& vcpu, abi::GnttabUnmapGrantRef const& op) {
    GrantTable& own = *vcpu.domain->grants;
    u32 const handle = op.handle.value;
    u16 kinds = static_cast<u16>((op.host_addr ? Mapping::host : 0u) | (op.dev_bus_addr ? Mapping::device : 0u));
    auto before = own.take_kinds(handle, kinds);
    if (!before) return {GrantStatus::bad_handle, false, handle, {}};
    u16 const taken = static_cast<u16>(before->flags & kinds);
    auto refuse = [&](GrantStatus status) {
        own.give_back_kinds(handle, taken);
        return EndedMapping{status, false, handle, *before};
    };

    if ((taken & Mapping::device) && op.dev_bus_addr != before->frame << page_shift)
        return refuse(GrantStatus::general_error);
    if (taken & Mapping::host) {
        auto slot = slot_for(vcpu, op.host_addr, before->flags & Mapping::by_entry);
        if (!slot) return refuse(GrantStatus::general_error);
        Pte entry = slot->load();
        bool writable = before->flags & Mapping::writable;
        if (!entry.is_present() || entry.mfn().value != before->frame || entry.is_writable() != writable)
            return refuse(GrantStatus::general_error);
        if (!replace_l1(slot->entry, Pte{}, *vcpu.domain, PageOwner::of(*vcpu.domain)))
            return refuse(GrantStatus::general_error);
    }
    bool ended = (before->flags & ~taken & (Mapping::host | Mapping::device)) == 0 && taken != 0;
    return {GrantStatus::okay, ended, handle, *before};
}

void end_mapping(GrantTable& table, u32 handle, Mapping const& mapping) {
    Access access = access_of(mapping);
    // The frame is still held, so its owner is still there.
    auto granter = find_domain(mapping.granter);
    if (granter) (*granter)->grants->end_use(mapping.ref, access);
    release_frame(Mfn{mapping.frame}, access);
    table.free_handle(handle);
}
}  // namespace hv

// SPDX-License-Identifier: MIT
#include "core/grant/mapping.hpp"

namespace hv {
using namespace abi::gntmap;

namespace {
// The frame is held already: what the entry holds is counted to that, if the entry is free.
bool write_entry(Entries& entries, abi::GnttabMapGrantRef const& op, Domid granter, Mfn frame) {
    u64* const entry = entries.find(op.host_addr, op.flags & contains_pte);
    if (!entry) return false;
    u64 const flags = Pte::present | Pte::user | Pte::accessed | Pte::dirty |
                      (op.flags & readonly ? 0 : Pte::writable) |
                      (u64{op.flags >> guest_avail_shift} << 9 & Pte::available);
    Pte const wanted = Pte::make(frame, flags);
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    if (old.is_present()) return bool{replace_l1(entry, wanted, entries.domain(), PageOwner{granter, false})};
    PageInfo& page = page_of(frame);
    (wanted.is_writable() ? page.type : page.count).fetch_add(1, std::memory_order_relaxed);
    if (exchange_entry(entry, old, wanted)) return true;
    release_leaf(wanted);
    return false;
}

// The entry must still map the frame, as it did.
bool clear_entry(Entries& entries, u64 host_addr, Mapping const& mapping) {
    u64* const entry = entries.find(host_addr, mapping.flags & contains_pte);
    if (!entry) return false;
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    u64 const wanted = Pte::make(Mfn{mapping.frame}, Pte::present).raw | (mapping.flags & readonly ? 0 : Pte::writable);
    auto const is_it = [=](Pte now) { return (now.raw & (Pte::address | Pte::present | Pte::writable)) == wanted; };
    if (!exchange_while(entry, old, Pte{}, Replace::plain, is_it)) return false;
    release_leaf(old);
    return true;
}
}  // namespace

bool Granters::look_up(Domid id) {
    let_go();
    held_ = &caller_;
    if (id == caller_.id) return true;
    auto found = find_domain(id);
    held_ = found ? &(*std::move(found)).leak() : nullptr;
    return held_;
}

bool Entries::look_up(u64 host_addr, bool contains_pte, u64 name) {
    let_go();
    table_ = nullptr;
    if (contains_pte ? host_addr >> 52 != 0 : !is_guest_address(host_addr)) return false;
    Pte const above = contains_pte ? Pte{host_addr | Pte::present} : walk_guest<2>(vcpu_.kernel_cr3, host_addr);
    if (!above.is_present()) return false;
    table_ = join_uses(above.mfn(), domain().id, PageType::l1);
    if (!table_) return false;
    first_ = reinterpret_cast<u64*>(hal::map(above.mfn()));
    name_ = name;
    return true;
}

GrantStatus hold_other_frame(Domain& granter, Mfn frame, Access access) {
    if (access == Access::read) return GrantStatus::bad_page;
    auto typed = get_writable(frame, granter.id);
    if (!typed) return typed.error() == Errno::inval ? GrantStatus::bad_page : GrantStatus::general_error;
    (void)(*std::move(typed)).leak();
    return GrantStatus::okay;
}

GrantStatus map_grant(Entries& entries, Granters& granters, abi::GnttabMapGrantRef& op) {
    if (!(op.flags & Mapping::kinds)) return GrantStatus::bad_gntref;
    Domain* const granter = granters.find(op.dom);
    if (!granter) return GrantStatus::bad_domain;
    GrantTable& own = *entries.domain().grants;
    Result<u32> const handle = own.reserve_handle();
    if (!handle) return GrantStatus::no_device_space;

    Access const access = op.flags & readonly ? Access::read : Access::write;
    Mfn frame;
    GrantStatus status = granter->grants->begin_use(op.ref, entries.domain().id, access, frame);
    if (status == GrantStatus::okay) {
        status = hold_frame(*granter, frame, access);
        if (status == GrantStatus::okay) {
            if (!(op.flags & host_map) || write_entry(entries, op, granter->id, frame)) {
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

GrantStatus begin_unmap(Entries& entries, abi::GnttabUnmapGrantRef const& op, bool& ended) {
    GrantTable& own = *entries.domain().grants;
    u32 const handle = op.handle.value;
    ended = false;
    u16 const had = own.claim(handle);
    if (!had) return GrantStatus::bad_handle;
    Mapping const& mapping = own.mapping(handle);
    u16 const ending = had & static_cast<u16>((op.host_addr ? host_map : 0) | (op.dev_bus_addr ? device_map : 0));
    bool const right_bus = !(ending & device_map) || op.dev_bus_addr == mapping.frame << page_shift;
    if (!right_bus || ((ending & host_map) && !clear_entry(entries, op.host_addr, mapping))) {
        own.give_back(handle, had);
        return GrantStatus::general_error;
    }
    ended = had == ending;
    if (!ended) own.give_back(handle, had & static_cast<u16>(~ending));
    return GrantStatus::okay;
}

void end_mapping(GrantTable& table, u32 handle) {
    Mapping const& mapping = table.mapping(handle);
    // The frame is still held, so its owner is still there.
    owner_of_live_frame(mapping.granter).grants->end_use(mapping.ref, mapping.access());
    release_frame(Mfn{mapping.frame}, mapping.access());
    table.free_handle(handle);
}
}  // namespace hv

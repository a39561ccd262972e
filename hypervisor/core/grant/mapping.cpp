// SPDX-License-Identifier: MIT
// Mapping and unmapping of other domains' frames (grant_table_op).
#include "core/grant/mapping.hpp"
#include <array>
#include "core/mm/l1_entry.hpp"

namespace hv {
using namespace abi::gntmap;

namespace {
// The level-1 table with an operation's entry, kept for the next one, which is mostly in the same.
class Entries {
public:
    explicit Entries(Vcpu& vcpu) : vcpu_{vcpu} {}
    Entries(Entries const&) = delete;
    ~Entries() { let_go(); }

    [[gnu::always_inline]] u64* find(u64 host_addr, bool by_entry) {  // null: none
        u64 const name = by_entry ? host_addr >> page_shift : ~(host_addr >> 21);
        if (name != name_ && !look_up(host_addr, by_entry, name)) return nullptr;
        if (by_entry) return host_addr % sizeof(u64) ? nullptr : first_ + host_addr % page_size / sizeof(u64);
        return first_ + l1_index(host_addr);
    }

private:
    static constexpr u64 none = u64{1} << 63;  // neither the number of a frame nor the complement of one of 2 MiB

    [[gnu::always_inline]] bool look_up(u64 host_addr, bool by_entry, u64 name) {
        let_go();
        if (by_entry ? host_addr >> 52 != 0 : !is_guest_address(host_addr)) return false;
        Pte const above = by_entry ? Pte{host_addr | Pte::present} : walk_guest<2>(vcpu_.kernel_cr3, host_addr);
        if (!above.is_present()) return false;
        table_ = join_uses(above.mfn(), vcpu_.domain->id, PageType::l1);
        if (!table_) return false;
        first_ = reinterpret_cast<u64*>(hal::map(above.mfn()));
        name_ = name;
        return true;
    }
    void let_go() {
        if (name_ != none) TypedRef::release(*table_);
        name_ = none;
    }

    Vcpu& vcpu_;
    u64 name_ = none;
    u64* first_ = nullptr;
    PageInfo* table_ = nullptr;
};

// The frame is held already: what the entry holds is counted to that, if the entry is free.
[[gnu::always_inline]] inline bool write_entry(Entries& entries, abi::GnttabMapGrantRef const& op, Domain& mapper,
                                               Domid granter, Mfn frame) {
    u64* const entry = entries.find(op.host_addr, op.flags & contains_pte);
    if (!entry) return false;
    u64 const flags = Pte::present | Pte::user | Pte::accessed | Pte::dirty |
                      (op.flags & readonly ? 0 : Pte::writable) |
                      (u64{op.flags >> guest_avail_shift} << 9 & Pte::available);
    Pte const wanted = Pte::make(frame, flags);
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    if (old.is_present()) [[unlikely]]
        return bool{replace_l1(entry, wanted, mapper, PageOwner{granter, false})};
    PageInfo& page = page_of(frame);
    (wanted.is_writable() ? page.type : page.count).fetch_add(1, std::memory_order_relaxed);
    if (exchange_entry(entry, old, wanted)) [[likely]]
        return true;
    release_leaf(wanted);
    return false;
}

// The entry must still map the frame, as it did.
[[gnu::always_inline]] inline bool exchange_mapped(Entries& entries, u64 host_addr, Mfn frame, u32 flags, Pte fresh) {
    u64* const entry = entries.find(host_addr, flags & contains_pte);
    if (!entry) return false;
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    u64 const wanted = Pte::make(frame, Pte::present).raw | (flags & readonly ? 0 : Pte::writable);
    auto const is_it = [=](Pte now) { return (now.raw & (Pte::address | Pte::present | Pte::writable)) == wanted; };
    if (!exchange_while(entry, old, fresh, Replace::plain, is_it)) return false;
    release_frame(frame, Mapping::access_of(flags));
    return true;
}

// The entry gets what `other_addr` maps, which is mapped there no longer. Lost if the entry is not as it must be: so it
// is on Xen.
[[gnu::noinline]] bool move_entry(Entries& entries, u64 host_addr, u64 other_addr, Mfn frame, u32 flags) {
    u64* const other = flags & contains_pte ? nullptr : entries.find(other_addr, false);
    if (!other) return false;
    Pte const moved{__atomic_exchange_n(other, 0, __ATOMIC_ACQ_REL)};
    if (exchange_mapped(entries, host_addr, frame, flags, moved)) return true;
    release_leaf(moved);
    return false;
}

[[gnu::always_inline]] inline GrantStatus map_grant(Entries& entries, Granters& granters, abi::GnttabMapGrantRef& op) {
    if (!(op.flags & Mapping::kinds)) return GrantStatus::bad_gntref;
    Domain* const granter = granters.find(op.dom);
    if (!granter) return GrantStatus::bad_domain;
    GrantTable& own = *granters.caller().grants;
    u32 const handle = own.reserve_handle();
    if (handle == GrantTable::no_handle) return GrantStatus::no_space;

    Access const access = Mapping::access_of(op.flags);
    Mfn frame;
    GrantStatus status = granter->grants->begin_use(op.ref, granters.caller().id, access, frame);
    if (status == GrantStatus::okay) [[likely]] {
        status = hold_frame(*granter, frame, access);
        if (status == GrantStatus::okay) [[likely]] {
            if (!(op.flags & host_map) || write_entry(entries, op, granters.caller(), granter->id, frame)) [[likely]] {
                u16 const flags = static_cast<u16>(op.flags & (Mapping::kinds | readonly | contains_pte));
                own.record(handle, {frame.value, op.ref, granter->id, flags});
                op.handle = abi::GrantHandle{handle};
                op.dev_bus_addr = frame.value << page_shift;
                return GrantStatus::okay;
            }
            status = GrantStatus::general_error;
            release_frame(frame, access);
        }
        granter->grants->end_use(op.ref, access);
    }
    own.free_handle(handle);
    return status;
}

// Entries first, one flush, then the frames: nobody may reach a frame by a stale translation once it is let go of. The
// flush is of everything: the entry's table may be seen at other addresses as well.
class UnmapBatch {
public:
    explicit UnmapBatch(Vcpu& vcpu) : entries_{vcpu}, domain_{*vcpu.domain}, own_{*vcpu.domain->grants} {}
    UnmapBatch(UnmapBatch const&) = delete;
    ~UnmapBatch() { finish(); }

    // `replacement`: an address, see move_entry.
    [[gnu::always_inline]] GrantStatus add(abi::GnttabUnmapGrantRef const& op, u64 replacement = 0) {
        if (count_ == ended_.size()) [[unlikely]]
            finish_early();
        u32 const handle = op.handle.value;
        u16 const had = own_.claim(handle);
        if (!had) return GrantStatus::bad_handle;
        Mfn const frame{own_.mapping(handle).frame};
        u16 const ending = had & static_cast<u16>((op.host_addr ? host_map : 0) | (op.dev_bus_addr ? device_map : 0));
        bool const right_bus = !(ending & device_map) || op.dev_bus_addr == frame.value << page_shift;
        auto const take_away = [&] {
            if (replacement) return move_entry(entries_, op.host_addr, replacement, frame, had);
            return exchange_mapped(entries_, op.host_addr, frame, had, Pte{});
        };
        if (!right_bus || ((ending & host_map) && !take_away())) {
            own_.give_back(handle, had);
            return GrantStatus::general_error;
        }
        flush_needed_ |= ending & host_map;
        u16 const left = had & static_cast<u16>(~ending);
        if (left & Mapping::kinds) own_.give_back(handle, left);
        else ended_.data()[count_++] = {handle, Mapping::access_of(had)};
        return GrantStatus::okay;
    }

private:
    [[gnu::always_inline]] void finish() {
        if (flush_needed_) hal::flush_tlb(domain_.dirty_cpus);
        for (u32 i = 0; i < count_; ++i) end_mapping(own_, ended_.data()[i]);
    }
    [[gnu::noinline]] void finish_early() {
        finish();
        flush_needed_ = false;
        count_ = 0;
    }

    Entries entries_;
    Domain& domain_;
    GrantTable& own_;
    bool flush_needed_ = false;
    u32 count_ = 0;
    std::array<EndedMapping, 64> ended_;
};
}  // namespace

GrantStatus hold_other_frame(Domain& granter, Mfn frame, Access access) {
    if (access == Access::read) return GrantStatus::bad_page;
    auto typed = get_writable(frame, granter.id);
    if (!typed) return typed.error() == Errno::inval ? GrantStatus::bad_page : GrantStatus::general_error;
    (void)(*std::move(typed)).leak();
    return GrantStatus::okay;
}

Outcome map_grants(Vcpu& vcpu, HypercallArgs& args) {
    Entries entries{vcpu};
    Granters granters{*vcpu.domain};
    return for_each_op<abi::GnttabMapGrantRef, true>(
        args, [&](abi::GnttabMapGrantRef& op) { return map_grant(entries, granters, op); });
}

Outcome unmap_grants(Vcpu& vcpu, HypercallArgs& args) {
    UnmapBatch batch{vcpu};
    return for_each_op<abi::GnttabUnmapGrantRef>(args,
                                                 [&](abi::GnttabUnmapGrantRef const& op) { return batch.add(op); });
}

Outcome unmap_and_replace_grants(Vcpu& vcpu, HypercallArgs& args) {
    UnmapBatch batch{vcpu};
    return for_each_op<abi::GnttabUnmapAndReplace>(args, [&](abi::GnttabUnmapAndReplace const& op) {
        return batch.add({op.host_addr, 0, op.handle, 0, 0}, op.new_addr);
    });
}
}  // namespace hv

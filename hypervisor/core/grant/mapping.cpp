// SPDX-License-Identifier: MIT
// A mapping holds its frame by itself, beside what the page-table entry holds: so an entry may vanish in any way the
// mapper likes, and the granter's page stays what it is until unmap.
#include "core/grant/mapping.hpp"
#include <array>
#include "core/grant/hold.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/l1_entry.hpp"

namespace hv {
using namespace abi::gntmap;

namespace {
[[gnu::always_inline]] inline HeldL1 hold_mapped(Vcpu const& vcpu, u64 va) {
    return hold_l1(vcpu.kernel_root.cr3_or(0), va, vcpu.domain->id);
}

// The entry of a call's only operation, in a table that stays one while this lives: the fast way, for map_grant and
// unmap_grant. It finds what Entries finds.
class OneEntry {
public:
    explicit OneEntry(Vcpu& vcpu) : vcpu_{vcpu} {}
    OneEntry(OneEntry const&) = delete;
    [[gnu::always_inline]] ~OneEntry() {
        if (table_) TypedRef::release(*table_);
    }
    [[gnu::always_inline]] u64* find(u64 host_addr, bool by_entry) {  // once; null: none
        HeldL1 const held = by_entry ? find_at(Maddr{host_addr}) : hold_mapped(vcpu_, host_addr);
        table_ = held.table;
        return held.entry;
    }

private:
    [[gnu::noinline, gnu::cold]] HeldL1 find_at(Maddr place) const { return hold_l1_at(place, vcpu_.domain->id); }

    Vcpu& vcpu_;
    PageInfo* table_ = nullptr;
};

// The level-1 table with an operation's entry, kept for the next one, which is mostly in the same.
class Entries {
public:
    explicit Entries(Vcpu& vcpu) : vcpu_{vcpu} {}
    Entries(Entries const&) = delete;
    ~Entries() { let_go(); }

    [[gnu::always_inline]] u64* find(u64 host_addr, bool by_entry) {  // null: none
        if (by_entry) [[unlikely]]
            return find_at(Maddr{host_addr});
        u64 const name = ~(host_addr >> 21);
        if (name != name_ && !turn_to(hold_mapped(vcpu_, host_addr), name)) return nullptr;
        return first_ + l1_index(host_addr);
    }

private:
    static constexpr u64 none = u64{1} << 63;  // neither the number of a frame nor the complement of one of 2 MiB

    [[gnu::noinline]] u64* find_at(Maddr place) {
        u64 const frame = place.value >> page_shift;
        if (place.value % sizeof(u64) != 0) return nullptr;
        if (frame != name_ && !turn_to(hold_l1_at(place, vcpu_.domain->id), frame)) return nullptr;
        return first_ + place.value % page_size / sizeof(u64);
    }
    [[gnu::always_inline]] bool turn_to(HeldL1 held, u64 name) {
        let_go();
        if (!held.table) return false;
        table_ = held.table;
        first_ = held.entry - reinterpret_cast<u64>(held.entry) % page_size / sizeof(u64);
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
template <Access access, class Finder>
[[gnu::always_inline]] inline bool write_entry(Finder& entries, abi::GnttabMapGrantRef const& op, Domain& mapper,
                                               Domid granter, Mfn frame) {
    u64* const entry = entries.find(op.host_addr, op.flags & contains_pte);
    if (!entry) [[unlikely]]
        return false;
    constexpr bool writes = access == Access::write;
    u64 const flags = Pte::present | Pte::user | Pte::accessed | Pte::dirty | (writes ? Pte::writable : 0) |
                      (u64{op.flags >> guest_avail_shift} << 9 & Pte::available);
    Pte const wanted = Pte::make(frame, flags);
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    if (old.is_present()) [[unlikely]]
        return bool{replace_l1(entry, wanted, mapper, PageOwner::granted(granter))};
    PageInfo& page = page_of(frame);
    (writes ? page.type : page.count).fetch_add(1, std::memory_order_relaxed);
    if (exchange_entry(entry, old, wanted)) [[likely]]
        return true;
    release_frame<access>(frame);
    return false;
}

// The entry must still map the frame, as it did.
template <Access access, class Finder>
[[gnu::always_inline]] inline bool exchange_mapped(Finder& entries, u64 host_addr, Mfn frame, u32 flags, Pte fresh) {
    u64* const entry = entries.find(host_addr, flags & contains_pte);
    if (!entry) [[unlikely]]
        return false;
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    u64 const wanted = Pte::make(frame, Pte::present | (access == Access::write ? Pte::writable : 0)).raw;
    auto const is_it = [=](Pte now) { return (now.raw & (Pte::address | Pte::present | Pte::writable)) == wanted; };
    if (!exchange_while(entry, old, fresh, Replace::plain, is_it)) [[unlikely]]
        return false;
    release_frame<access>(frame);
    return true;
}
template <class Finder>
[[gnu::always_inline]] inline bool exchange_mapped(Finder& entries, u64 host_addr, Mfn frame, u32 flags, Pte fresh) {
    return flags & readonly ? exchange_mapped<Access::read>(entries, host_addr, frame, flags, fresh)
                            : exchange_mapped<Access::write>(entries, host_addr, frame, flags, fresh);
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

template <Access access, class Finder>
[[gnu::always_inline]] inline GrantStatus map_frame(Finder& entries, Domain& granter, Domain& mapper, Mapping& mapping,
                                                    abi::GnttabMapGrantRef& op) {
    Mfn frame;
    GrantStatus status = granter.grants->begin_use<access>(op.ref, mapper.id, frame);
    if (status != GrantStatus::okay) [[unlikely]]
        return status;
    status = hold_frame<access>(granter, frame);
    if (status == GrantStatus::okay) [[likely]] {
        if (!(op.flags & host_map) || write_entry<access>(entries, op, mapper, granter.id, frame)) [[likely]] {
            mapping.frame = static_cast<u32>(frame.value);
            mapping.ref = op.ref;
            mapping.granter = granter.id;
            op.handle = abi::GrantHandle{mapping.handle};
            op.dev_bus_addr = frame.value << page_shift;
            mapping.give(static_cast<u16>(op.flags & (Mapping::kinds | readonly | contains_pte)));
            return GrantStatus::okay;
        }
        status = GrantStatus::general_error;
        release_frame<access>(frame);
    }
    granter.grants->end_use<access>(op.ref, [] {});
    return status;
}

template <class Finder>
[[gnu::always_inline]] inline GrantStatus map_frame_of(Finder& entries, Granters& granters,
                                                       abi::GnttabMapGrantRef& op) {
    if (!(op.flags & Mapping::kinds)) [[unlikely]]
        return GrantStatus::bad_gntref;
    Domain* const granter = granters.find(op.dom);
    if (!granter) return GrantStatus::bad_domain;
    Domain& mapper = granters.caller();
    Mapping* const mapping = mapper.grants->reserve_mapping();
    if (!mapping) [[unlikely]]
        return GrantStatus::no_space;
    GrantStatus const status = op.flags & readonly ? map_frame<Access::read>(entries, *granter, mapper, *mapping, op)
                                                   : map_frame<Access::write>(entries, *granter, mapper, *mapping, op);
    if (status != GrantStatus::okay) [[unlikely]]
        mapper.grants->free_mapping(*mapping);
    return status;
}

struct EndedMapping {
    Mapping* mapping;
    u32 flags;  // as claimed
};

// Lets go of the frame and of the grant of a claimed mapping, which is free then.
template <Access access>
[[gnu::always_inline]] inline void let_go_of(Mapping const& mapping) {
    // The frame is still held, so its owner is still there.
    Mfn const frame{mapping.frame};
    owner_of_live_frame(mapping.granter).grants->end_use<access>(mapping.ref, [=] { release_frame<access>(frame); });
}
[[gnu::always_inline]] inline void end_mapping(GrantTable& table, EndedMapping const& ended) {
    if (ended.flags & abi::gntmap::readonly) [[unlikely]]
        let_go_of<Access::read>(*ended.mapping);
    else let_go_of<Access::write>(*ended.mapping);
    table.free_mapping(*ended.mapping);
}

// Takes away what an operation says; `take_entry` does so with the entry. If no kind of the mapping is left, `ended` is
// what is to be ended after the flush; else it has no flags.
template <class F>
[[gnu::always_inline]] inline GrantStatus begin_unmap(Domain& domain, abi::GnttabUnmapGrantRef const& op,
                                                      EndedMapping& ended, bool& flush_needed, F&& take_entry) {
    Mapping* const mapping = domain.grants->mapping(op.handle.value);
    u16 const had = mapping ? mapping->claim() : u16{0};
    if (!had) [[unlikely]]
        return GrantStatus::bad_handle;
    Mfn const frame{mapping->frame};
    u32 ending = host_map;
    if ((had & device_map) || !op.host_addr) [[unlikely]]
        ending = had & ((op.host_addr ? host_map : 0) | (op.dev_bus_addr ? device_map : 0));
    bool const right_bus = !(ending & device_map) || op.dev_bus_addr == frame.value << page_shift;
    if (!right_bus || ((ending & host_map) && !take_entry(frame, had))) [[unlikely]] {
        mapping->give(had);
        return GrantStatus::general_error;
    }
    u16 const left = static_cast<u16>(had & ~ending);
    if (left & Mapping::kinds) [[unlikely]] {
        // Once it is given, another vCPU may end what is left, with no flush and at once.
        if (ending & host_map) hal::flush_tlb(domain.dirty_cpus);
        mapping->give(left);
        return GrantStatus::okay;
    }
    if (ending & host_map) flush_needed = true;
    ended = {mapping, had};
    return GrantStatus::okay;
}

// Entries first, one flush, then the frames: nobody may reach a frame by a stale translation once it is let go of. The
// flush is of everything: the entry's table may be seen at other addresses as well.
class UnmapBatch {
public:
    explicit UnmapBatch(Vcpu& vcpu) : entries_{vcpu}, domain_{*vcpu.domain} {}
    UnmapBatch(UnmapBatch const&) = delete;
    ~UnmapBatch() { finish(); }

    [[gnu::always_inline]] GrantStatus add(abi::GnttabUnmapGrantRef const& op) {
        return add(op,
                   [&](Mfn frame, u32 flags) { return exchange_mapped(entries_, op.host_addr, frame, flags, Pte{}); });
    }
    GrantStatus add(abi::GnttabUnmapAndReplace const& op) {
        return add({op.host_addr, 0, op.handle, 0, 0}, [&](Mfn frame, u32 flags) {
            return op.new_addr ? move_entry(entries_, op.host_addr, op.new_addr, frame, flags)
                               : exchange_mapped(entries_, op.host_addr, frame, flags, Pte{});
        });
    }

private:
    template <class F>
    [[gnu::always_inline]] GrantStatus add(abi::GnttabUnmapGrantRef const& op, F&& take_entry) {
        if (count_ == ended_.size()) [[unlikely]]
            finish();
        EndedMapping ended{};
        GrantStatus const status = begin_unmap(domain_, op, ended, flush_needed_, take_entry);
        if (ended.flags) ended_.data()[count_++] = ended;
        return status;
    }
    [[gnu::noinline]] void finish() {
        if (flush_needed_) hal::flush_tlb(domain_.dirty_cpus);
        for (u32 i = 0; i < count_; ++i) end_mapping(*domain_.grants, ended_.data()[i]);
        flush_needed_ = false;
        count_ = 0;
    }

    Entries entries_;
    Domain& domain_;
    bool flush_needed_ = false;
    u32 count_ = 0;
    std::array<EndedMapping, 48> ended_;
};

// What a mapping answers: from the domain's number on.
constexpr usize map_answers = offsetof(abi::GnttabMapGrantRef, dom);
constexpr usize map_answers_size = sizeof(abi::GnttabMapGrantRef) - map_answers;
}  // namespace

Errno map_grant(Vcpu& vcpu, guest_ptr<abi::GnttabMapGrantRef> at) {
    Granters granters{*vcpu.domain};
    OneEntry entry{vcpu};
    return do_op<abi::GnttabMapGrantRef, map_answers, map_answers_size>(
        at, [&](abi::GnttabMapGrantRef& op) { return map_frame_of(entry, granters, op); });
}

Errno map_grants(Vcpu& vcpu, GrantOps& ops) {
    Granters granters{*vcpu.domain};
    Entries entries{vcpu};
    return for_each_op<abi::GnttabMapGrantRef, map_answers, map_answers_size>(
        ops, [&](abi::GnttabMapGrantRef& op) { return map_frame_of(entries, granters, op); });
}

Errno unmap_grant(Vcpu& vcpu, guest_ptr<abi::GnttabUnmapGrantRef> at) {
    Domain& domain = *vcpu.domain;
    OneEntry entry{vcpu};
    EndedMapping ended{};
    bool flush_needed = false;
    Errno const error = do_op(at, [&](abi::GnttabUnmapGrantRef const& op) {
        return begin_unmap(domain, op, ended, flush_needed, [&](Mfn frame, u32 flags) {
            return exchange_mapped(entry, op.host_addr, frame, flags, Pte{});
        });
    });
    if (flush_needed) hal::flush_tlb(domain.dirty_cpus);
    if (ended.flags) end_mapping(*domain.grants, ended);
    return error;
}

Errno unmap_grants(Vcpu& vcpu, GrantOps& ops) {
    UnmapBatch batch{vcpu};
    return for_each_op<abi::GnttabUnmapGrantRef>(ops,
                                                 [&](abi::GnttabUnmapGrantRef const& op) { return batch.add(op); });
}

Errno unmap_and_replace_grants(Vcpu& vcpu, GrantOps& ops) {
    UnmapBatch batch{vcpu};
    return for_each_op<abi::GnttabUnmapAndReplace>(ops,
                                                   [&](abi::GnttabUnmapAndReplace const& op) { return batch.add(op); });
}

bool release_grant_mappings(Domain& domain) {
    GrantTable& table = *domain.grants;
    while (Mapping* const mapping = table.mapping(table.release_cursor)) {
        if (u16 const flags = mapping->claim()) end_mapping(table, {mapping, flags});
        ++table.release_cursor;
        if (hal::should_preempt()) return false;
    }
    return true;
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// What batches of grant operations are made of. A mapping holds its frame by itself, beside what the page-table entry
// holds: so an entry may vanish in any way the mapper likes, and the granter's page stays what it is until unmap.
#pragma once
#include "core/grant/table.hpp"
#include "core/mm/l1_entry.hpp"

namespace hv {
// The domain that an operation names, kept for the next one, which mostly names the same.
class Granters {
public:
    explicit Granters(Domain& caller) : caller_{caller} {}
    Granters(Granters const&) = delete;
    ~Granters() { let_go(); }
    Domain* find(Domid id) {  // null: none, or dying
        if (id == abi::domid_self) return &caller_;
        if ((!held_ || id != held_->id) && !look_up(id)) return nullptr;
        return held_->is_dying() ? nullptr : held_;
    }

private:
    bool look_up(Domid id);
    void let_go() {
        if (held_ && held_ != &caller_) DomainRef::release(*held_);
    }

    Domain& caller_;  // needs no reference
    Domain* held_ = nullptr;
};

// The level-1 table with an operation's entry, kept for the next one, which is mostly in the same.
class Entries {
public:
    explicit Entries(Vcpu& vcpu) : vcpu_{vcpu} {}
    Entries(Entries const&) = delete;
    ~Entries() { let_go(); }
    u64* find(u64 host_addr, bool contains_pte) {  // null: none
        u64 const name = contains_pte ? host_addr >> page_shift : ~(host_addr >> 21);
        if ((!table_ || name != name_) && !look_up(host_addr, contains_pte, name)) return nullptr;
        if (contains_pte) return host_addr % sizeof(u64) ? nullptr : first_ + host_addr % page_size / sizeof(u64);
        return first_ + l1_index(host_addr);
    }
    Domain& domain() const { return *vcpu_.domain; }

private:
    bool look_up(u64 host_addr, bool contains_pte, u64 name);
    void let_go() {
        if (table_) TypedRef::release(*table_);
    }

    Vcpu& vcpu_;
    u64 name_ = 0;
    u64* first_ = nullptr;
    PageInfo* table_ = nullptr;
};

// A frame of the granter's, held for a mapping or a copy.
GrantStatus hold_other_frame(Domain& granter, Mfn frame, Access access);  // for what the usual case leaves
[[gnu::always_inline]] inline GrantStatus hold_frame(Domain& granter, Mfn frame, Access access) {
    if (access == Access::write) {
        if (join_uses(frame, granter.id, PageType::writable)) [[likely]]
            return GrantStatus::okay;
    } else if (auto page = get_page(frame, granter.id)) [[likely]] {
        (void)(*std::move(page)).leak();
        return GrantStatus::okay;
    }
    return hold_other_frame(granter, frame, access);
}
inline void release_frame(Mfn frame, Access access) {
    access == Access::write ? TypedRef::release(page_of(frame)) : PageRef::release(page_of(frame));
}

GrantStatus map_grant(Entries& entries, Granters& granters, abi::GnttabMapGrantRef& op);

// In two steps, with one TLB flush for a batch between them: the entry goes, then what the mapping holds. `ended`: no
// kind is left, and end_mapping is to be called after the flush.
GrantStatus begin_unmap(Entries& entries, abi::GnttabUnmapGrantRef const& op, bool& ended);

// Lets go of the frame and of the grant of a claimed mapping, and frees the handle.
void end_mapping(GrantTable& table, u32 handle);

// One end of a copy, held until an operation names another place.
template <Access access>
class CopyEnd {
public:
    CopyEnd() = default;
    CopyEnd(CopyEnd const&) = delete;
    ~CopyEnd() { close(); }

    GrantStatus open(Domain& caller, Granters& granters, abi::GnttabCopyPtr const& place, bool by_grant) {
        u32 const who = place.domid.value | u32{by_grant} << 16;
        if (bytes_ && place.u.raw == raw_ && who == who_) return GrantStatus::okay;
        return open_other(caller, granters, place, who);
    }
    std::byte* bytes() const { return bytes_; }

private:
    GrantStatus open_other(Domain& caller, Granters& granters, abi::GnttabCopyPtr const& place, u32 who);
    void close() {
        if (!bytes_) return;
        if (granter_) granter_->end_use(GrantRef{static_cast<u32>(raw_)}, access);
        release_frame(frame_, access);
        bytes_ = nullptr;
    }

    u64 raw_ = 0;  // the reference or frame that is open, and of whom
    u32 who_ = 0;
    std::byte* bytes_ = nullptr;  // null: closed
    Mfn frame_{};
    GrantTable* granter_ = nullptr;  // alive as long as its frame is held; null: no grant
};

GrantStatus copy_grant(Domain& caller, Granters& granters, CopyEnd<Access::read>& source, CopyEnd<Access::write>& dest,
                       abi::GnttabCopy const& op);
}  // namespace hv

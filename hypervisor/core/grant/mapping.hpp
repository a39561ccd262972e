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
inline GrantStatus hold_frame(Domain& granter, Mfn frame, Access access) {
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
class CopyEnd {
public:
    explicit CopyEnd(Access access) : access_{access} {}
    CopyEnd(CopyEnd const&) = delete;
    ~CopyEnd() { close(); }

    GrantStatus open(Domain& caller, Granters& granters, abi::GnttabCopyPtr const& place, bool by_grant);
    std::byte* bytes() const { return bytes_; }

private:
    void close();

    Access access_;
    bool by_grant_ = false;
    abi::GnttabCopyPtr place_{};
    std::byte* bytes_ = nullptr;  // null: closed
    Mfn frame_{};
    Domain* granter_ = nullptr;  // alive as long as its frame is held
};

GrantStatus copy_grant(Domain& caller, Granters& granters, CopyEnd& source, CopyEnd& dest, abi::GnttabCopy const& op);
}  // namespace hv

// SPDX-License-Identifier: MIT
// mmu_update and update_va_mapping: entries of live page tables, changed under the rules of
// mm/entry.hpp.
#include <algorithm>
#include <array>
#include <optional>
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hypercall/batch_args.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/flush.hpp"
#include "core/mm/l1_entry.hpp"
#include "public/mmu.hpp"

namespace hv {
namespace {
// Whose frames a call is about, and what keeps that domain alive meanwhile; the caller itself needs no reference.
struct NamedOwner {
    PageOwner pages;
    std::optional<DomainRef> held;
};

// Errors: perm, srch. domid_xen and other domains are for privileged callers. A caller's own number is none of a
// foreign domain.
Result<NamedOwner> resolve_page_owner(Domain& caller, u64 domid) {
    Domid const id{static_cast<u16>(domid)};
    if (id == abi::domid_self) return NamedOwner{PageOwner::of(caller), {}};
    if (id == caller.id) return Errno::srch;
    if (id == abi::domid_io) return NamedOwner{{id, id, &caller}, {}};
    if (!caller.privileged) return Errno::perm;
    if (id == abi::domid_xen) return NamedOwner{{id, id, nullptr}, {}};
    DomainRef other = TRY(find_domain(id));
    PageOwner const pages = PageOwner::of(*other);
    return NamedOwner{pages, std::move(other)};
}

// An entry of a live table of level 2, 3 or 4 that belongs to `owner`.
Result<> replace_table_entry(u64* entry, PageType level, Pte wanted, Domain& owner, Replace mode) {
    u32 slot = static_cast<u32>(reinterpret_cast<u64>(entry) % page_size / sizeof(u64));
    if (level == PageType::l4 && is_hypervisor_slot(slot)) return Errno::inval;

    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    // The same table below with other flags: the reference stays. Without linear tables RW is free to change, too.
    u64 const always = Pte::user | (level == PageType::l4 ? Pte::accessed : 0);
    constexpr u64 free_bits = Pte::table_allowed & ~Pte::present;
    auto alike = [=](Pte pte) { return ((pte.raw ^ wanted.raw) & ~free_bits) == 0 && wanted.is_present(); };
    if (exchange_while(entry, old, Pte{wanted.raw | always}, mode, alike)) return {};
    Pte const stored = TRY(acquire_table_entry(wanted, level, owner));
    exchange_while(entry, old, stored, mode, [](Pte) { return true; });
    release_table_entry(old);
    return {};
}

// Requests that work for the same domains. The table of the last one is kept, as the next one usually shares it.
class Batch {
    using List = BatchArgs<abi::MmuUpdate>;

public:
    Batch(Vcpu& vcpu, Domain& tables, PageOwner pages) : vcpu_{vcpu}, tables_{tables}, pages_{pages} {}
    Batch(Batch const&) = delete;
    ~Batch() { forget_table(); }

    Result<> run(List& list) {
        constexpr u64 chunk_size = hal::between_questions::table_updates;
        std::array<abi::MmuUpdate, chunk_size> chunk;
        for (;;) {
            u64 const size = std::min(chunk_size, list.left());
            if (size == 1) TRY(copy_in(chunk[0], list.next()));
            else TRY(copy_in_bytes(chunk.data(), list.next().address, size * sizeof(abi::MmuUpdate)));
            for (u64 i = 0; i < size; ++i, ++list.done) TRY(apply(list, chunk[i]));
            if (!list.left()) return {};
            if (hal::should_preempt()) return Errno::again;
        }
    }

private:
    [[gnu::always_inline]] Result<> apply(List& list, abi::MmuUpdate const& request) {
        if (request.ptr % sizeof(u64) == abi::mmu::normal_pt_update) [[likely]]
            return update_entry(list, request.ptr, Pte{request.val}, Replace::plain);
        return apply_other(list, request);
    }
    [[gnu::noinline]] Result<> apply_other(List& list, abi::MmuUpdate const& request) {
        u64 const address = request.ptr & ~u64{7};
        switch (request.ptr % sizeof(u64)) {
            case abi::mmu::pt_update_no_translate: return update_entry(list, address, Pte{request.val}, Replace::plain);
            case abi::mmu::pt_update_preserve_ad:
                return update_entry(list, address, Pte{request.val}, Replace::preserve_accessed_dirty);
            case abi::mmu::machphys_update: return update_m2p(Mfn{address >> page_shift}, request.val);
            default: return Errno::nosys;
        }
    }

    [[gnu::always_inline]] Result<> update_entry(List& list, u64 address, Pte wanted, Replace mode) {
        if (address - table_address_ >= page_size || !vcpu_.demotions.empty()) TRY(turn_to(Mfn{address >> page_shift}));
        u64* const entry = entries_ + (address - table_address_) / sizeof(u64);
        if (kind_ == PageType::l1) [[likely]]
            return replace_l1(entry, wanted, tables_, pages_, mode);
        if (is_table_type(kind_)) {
            TRY(replace_table_entry(entry, kind_, wanted, tables_, mode));
            return ask_after_table(list);
        }
        if (kind_ == PageType::none) return Errno::inval;       // no_address itself
        __atomic_store_n(entry, wanted.raw, __ATOMIC_RELEASE);  // a plain page of the guest's
        return {};
    }

    // A table of 512 entries may have been taken. Before the next one it asks: the request that is done counts.
    static Result<> ask_after_table(List& list) {
        if (list.left() == 1 || !hal::should_preempt()) return {};
        ++list.done;
        return Errno::again;
    }

    Result<> update_m2p(Mfn mfn, u64 pfn) {
        PageRef page = TRY(get_page(mfn, pages_.id));
        set_m2p(mfn, pfn);
        return {};
    }

    // Keeps a table a table, and anything else that the guest may write a writable page, while requests refer to it.
    [[gnu::noinline]] Result<> turn_to(Mfn mfn) {
        forget_table();
        // What the requests before this one set free must be free before this one is looked at.
        if (!drain_demotions(vcpu_.demotions)) return Errno::again;
        PageType kind = PageType::l1;
        PageInfo* table = join_uses(mfn, tables_.id, kind);
        if (!table) {
            PageRef page = TRY(get_page(mfn, tables_.id));
            // One look, as other vCPUs may change it: whatever is no table is asked for as a writable page.
            u64 const word = page->type.load(std::memory_order_acquire);
            bool const is_table = (word & PageInfo::use_mask) && is_table_type(PageInfo::kind_of(word));
            kind = is_table ? PageInfo::kind_of(word) : PageType::writable;
            auto typed = promote(std::move(page), kind);
            if (!typed) return typed.error() == Errno::again ? Errno::again : Errno::inval;
            table = &(*std::move(typed)).leak();
        }
        table_ = table;
        kind_ = kind;
        table_address_ = mfn.value << page_shift;
        entries_ = reinterpret_cast<u64*>(hal::map(mfn));
        return {};
    }
    void forget_table() {
        table_address_ = no_address;
        kind_ = PageType::none;
        if (table_) TypedRef::release(*std::exchange(table_, nullptr));
    }

    static constexpr u64 no_address = ~u64{0} << page_shift;

    Vcpu& vcpu_;
    Domain& tables_;
    PageOwner pages_;
    PageInfo* table_ = nullptr;  // holds a use as kind_
    PageType kind_ = PageType::none;
    u64 table_address_ = no_address;
    u64* entries_ = nullptr;
};

// The usual single request, an entry of a level-1 table of the caller's. Nothing, and nothing done: it is another one.
[[gnu::always_inline]] inline std::optional<Errno> update_own_l1(Vcpu& vcpu, guest_ptr<abi::MmuUpdate> from) {
    abi::MmuUpdate request;
    if (!copy_in(request, from) || request.command() != abi::mmu::normal_pt_update) return {};
    Result<L1Slot> slot = l1_slot_at(*vcpu.domain, request.address());
    if (!slot) return {};
    return replace_l1(slot->entry, Pte{request.val}, *vcpu.domain, PageOwner::of(*vcpu.domain)).error();
}

[[gnu::always_inline]] inline Outcome update_va(Vcpu& vcpu, u64 va, Pte wanted, u64 flags, PageOwner owner) {
    Domain& domain = *vcpu.domain;
    HeldL1 const held = hold_l1(vcpu.kernel_root.cr3_or(0), va, domain.id);
    if (!held.table) return Errno::inval;
    TypedRef const table = TypedRef::adopt(*held.table);
    Result<> replaced = replace_l1(held.entry, wanted, domain, owner);
    if (!replaced) return replaced.error();
    return flush_after_update(vcpu, va, flags);
}
}  // namespace

// (requests*, count, done*, domid): whose pages are mapped, and above bit 16 whose tables these are, plus one.
Outcome do_mmu_update(Vcpu& vcpu, HypercallArgs& args) {
    if (args[1] == 1 && !args[2] && args[3] == abi::domid_self.value) {
        std::optional<Errno> const short_cut = update_own_l1(vcpu, {args[0]});
        if (short_cut) return *short_cut;
    }
    auto list = BatchArgs<abi::MmuUpdate>::read(args);
    if (!list) return list.error();
    if (args[3] == abi::domid_self.value) [[likely]]
        return list->finish(args, Batch{vcpu, *vcpu.domain, PageOwner::of(*vcpu.domain)}.run(*list).error());

    NamedOwner const named = TRY(resolve_page_owner(*vcpu.domain, args[3]));
    u16 const owner = static_cast<u16>(args[3] >> 16);
    DomainRef const tables =
        TRY(resolve_domain(*vcpu.domain, owner ? Domid{static_cast<u16>(owner - 1)} : abi::domid_self));
    return list->finish(args, Batch{vcpu, *tables, named.pages.in_tables_of(*tables)}.run(*list).error());
}

// (va, value, flags)
Outcome do_update_va_mapping(Vcpu& vcpu, HypercallArgs& args) {
    return update_va(vcpu, args[0], Pte{args[1]}, args[2], PageOwner::of(*vcpu.domain));
}

// (va, value, flags, domid): the frame belongs to another domain
Outcome do_update_va_mapping_otherdomain(Vcpu& vcpu, HypercallArgs& args) {
    NamedOwner const named = TRY(resolve_page_owner(*vcpu.domain, args[3]));
    return update_va(vcpu, args[0], Pte{args[1]}, args[2], named.pages.in_tables_of(*vcpu.domain));
}
}  // namespace hv

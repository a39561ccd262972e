// SPDX-License-Identifier: MIT
// mmu_update and update_va_mapping: entries of live page tables, changed under the rules of leaf.hpp and validate.hpp.
#include <algorithm>
#include <array>
#include "core/mm/flush.hpp"
#include "core/mm/foreign.hpp"
#include "core/mm/l1_entry.hpp"
#include "core/mm/m2p.hpp"
#include "core/mm/progress.hpp"
#include "core/mm/validate.hpp"
#include "public/mmu.hpp"

namespace hv {
namespace {
bool exchange(u64* entry, Pte& expected, Pte fresh) {
    return __atomic_compare_exchange_n(entry, &expected.raw, fresh.raw, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

u64* entry_at(Maddr address) {
    return reinterpret_cast<u64*>(hal::map(Mfn{address.value >> page_shift}) + address.value % page_size);
}

// An entry of a live table of level 2, 3 or 4 that belongs to `owner`.
Result<> replace_table_entry(u64* entry, PageType level, Pte wanted, Domain& owner, Replace mode) {
    u32 slot = static_cast<u32>(reinterpret_cast<u64>(entry) % page_size / sizeof(u64));
    if (level == PageType::l4 && is_hypervisor_slot(slot)) return Errno::inval;

    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    auto kept = [&](Pte pte) {
        if (mode == Replace::plain || !pte.is_present()) return pte;
        return Pte{pte.raw | (old.raw & (Pte::accessed | Pte::dirty))};
    };
    // The same table below with other flags: the reference stays. Without linear tables RW is free to change, too.
    u64 const always = Pte::user | (level == PageType::l4 ? Pte::accessed : 0);
    constexpr u64 free_bits = Pte::table_allowed & ~Pte::present;
    while (old.is_present() && wanted.is_present() && ((old.raw ^ wanted.raw) & ~free_bits) == 0) {
        if (exchange(entry, old, kept(Pte{wanted.raw | always}))) return {};
    }
    Pte stored = TRY(acquire_table_entry(wanted, level, owner));
    while (!exchange(entry, old, kept(stored))) {}
    release_table_entry(old);
    return {};
}

// One batch of requests: who it works for, and the table of the last request, which the next one usually shares.
class Batch {
public:
    Batch(Domain& tables, PageOwner pages) : tables_{tables}, pages_{pages} {}
    Batch(Batch const&) = delete;
    ~Batch() { forget_table(); }

    Result<> apply(abi::MmuUpdate const& request) {
        Maddr address = request.address();
        if (request.ptr & 4) return Errno::nosys;  // commands are multiples of what eight-byte alignment leaves
        switch (request.command()) {
            case abi::mmu::normal_pt_update:
            case abi::mmu::pt_update_no_translate: return update_entry(address, Pte{request.val}, Replace::plain);
            case abi::mmu::pt_update_preserve_ad:
                return update_entry(address, Pte{request.val}, Replace::preserve_accessed_dirty);
            case abi::mmu::machphys_update: return update_m2p(address, request.val);
            default: return Errno::nosys;
        }
    }
    // Lets go of the last request's table unless this one is about it, too.
    void turn_to(Maddr address) {
        if (table_ && mfn_of(*table_) != Mfn{address.value >> page_shift}) forget_table();
    }
    void forget_table() {
        if (table_) TypedRef::release(*std::exchange(table_, nullptr));
    }

private:
    Result<> update_entry(Maddr address, Pte wanted, Replace mode) {
        Mfn mfn{address.value >> page_shift};
        if (!table_) TRY(hold(mfn));
        u64* entry = entry_at(address);
        PageType kind = table_->kind();
        if (kind == PageType::l1) return replace_l1(entry, wanted, tables_, pages_, mode);
        if (is_table_type(kind)) return replace_table_entry(entry, kind, wanted, tables_, mode);
        __atomic_store_n(entry, wanted.raw, __ATOMIC_RELEASE);  // a plain page of the guest's
        return {};
    }

    // Keeps a table a table, and anything else that the guest may write a writable page, while requests refer to it.
    Result<> hold(Mfn mfn) {
        PageRef page = TRY(get_page(mfn, tables_.id));
        u64 word = page->type.load(std::memory_order_acquire);
        bool live_table = is_table_type(PageInfo::kind_of(word)) && (word & PageInfo::use_mask);
        PageType kind = live_table ? PageInfo::kind_of(word) : PageType::writable;
        auto typed = promote(std::move(page), kind, tables_);
        if (!typed) return typed.error() == Errno::again ? Errno::again : Errno::inval;
        table_ = &(*std::move(typed)).leak();
        return {};
    }

    Result<> update_m2p(Maddr address, u64 pfn) {
        Mfn mfn{address.value >> page_shift};
        PageRef page = TRY(get_page(mfn, pages_.id));
        set_m2p(mfn, pfn);
        return {};
    }

    Domain& tables_;
    PageOwner pages_;
    PageInfo* table_ = nullptr;  // holds a typed reference
};
}  // namespace

Outcome do_mmu_update(Vcpu& vcpu, HypercallArgs& args) {
    auto list = BatchArgs<abi::MmuUpdate>::read(args);
    if (!list) return list.error();
    auto pages = resolve_page_owner(*vcpu.domain, static_cast<u16>(args[3]));
    if (!pages) return pages.error();
    u16 const table_owner = static_cast<u16>(args[3] >> 16);  // plus one; 0 is the caller
    auto tables =
        resolve_domain(*vcpu.domain, table_owner ? Domid{static_cast<u16>(table_owner - 1)} : abi::domid_self);
    if (!tables) return tables.error();

    constexpr u64 chunk_size = 16;
    std::array<abi::MmuUpdate, chunk_size> chunk;
    Errno error = Errno::ok;
    {
        Batch batch{**tables, pages->owner()};
        while (list->left() && error == Errno::ok) {
            u64 size = std::min(chunk_size, list->left());
            error = copy_in_bytes(chunk.data(), list->next().address, size * sizeof(abi::MmuUpdate)).error();
            for (u64 i = 0; i < size && error == Errno::ok; ++i) {
                batch.turn_to(chunk[i].address());
                if (!vcpu.demotions.empty()) [[unlikely]] {
                    // What the requests before this one set free must be free before this one is looked at.
                    batch.forget_table();
                    if (!drain_demotions(vcpu.demotions)) error = Errno::again;
                }
                if (error == Errno::ok) error = batch.apply(chunk[i]).error();
                if (error == Errno::ok) ++list->done;
            }
            if (error == Errno::ok && list->left() && hal::should_preempt()) error = Errno::again;
        }
    }
    return list->finish(args, error);
}

namespace {
Outcome update_va(Vcpu& vcpu, u64 va, Pte wanted, u64 flags, PageOwner owner) {
    Result<L1Slot> slot = find_l1(vcpu, va);
    if (!slot) return slot.error();
    Result<> replaced = replace_l1(slot->entry, wanted, *vcpu.domain, owner);
    if (!replaced) return replaced.error() == Errno::again ? Outcome::again() : Outcome{replaced};
    return flush_after_update(vcpu, va, flags);
}
}  // namespace

// (va, value, flags)
Outcome do_update_va_mapping(Vcpu& vcpu, HypercallArgs& args) {
    return update_va(vcpu, args[0], Pte{args[1]}, args[2], PageOwner::of(*vcpu.domain));
}

// (va, value, flags, domid): the frame belongs to another domain
Outcome do_update_va_mapping_otherdomain(Vcpu& vcpu, HypercallArgs& args) {
    auto pages = resolve_page_owner(*vcpu.domain, static_cast<u16>(args[3]));
    if (!pages) return pages.error();
    return update_va(vcpu, args[0], Pte{args[1]}, args[2], pages->owner());
}
}  // namespace hv

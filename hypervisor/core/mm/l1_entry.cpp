// SPDX-License-Identifier: MIT
#include "core/mm/l1_entry.hpp"
#include "core/hal.hpp"
#include "core/vcpu.hpp"

namespace hv {
namespace {
// Differences in these need no change of references.
constexpr u64 soft_bits =
    Pte::no_execute | Pte::available | Pte::available_high | Pte::global | Pte::accessed | Pte::dirty | Pte::user;

bool exchange(u64* entry, Pte& expected, Pte fresh) {
    return __atomic_compare_exchange_n(entry, &expected.raw, fresh.raw, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

// Upper-level entries are read without holding their tables: another vCPU may be taking them apart. What is read then
// may be nonsense, but it is only used as a frame number in the direct map, and the level-1 table is checked at the
// end.
Result<Mfn> walk_to_l1(Vcpu const& vcpu, u64 va) {
    if (!is_guest_address(va) || !is_canonical(va)) return Errno::inval;
    Mfn table{vcpu.kernel_cr3 >> page_shift};
    for (u32 shift : {39, 30, 21}) {
        if (!is_ram(table)) return Errno::inval;
        u64 const* entries = reinterpret_cast<u64 const*>(hal::map(table));
        Pte pte{__atomic_load_n(entries + (va >> shift & 511), __ATOMIC_RELAXED)};
        if (!pte.is_present()) return Errno::inval;
        table = pte.mfn();
    }
    return table;
}

Result<TypedRef> hold_l1(Domain& domain, Mfn mfn) {
    PageRef page = TRY(get_page(mfn, domain.id));
    u64 word = page->type.load(std::memory_order_relaxed);
    do {
        if (PageInfo::kind_of(word) != PageType::l1 || !(word & PageInfo::use_mask)) return Errno::inval;
    } while (!page->type.compare_exchange_weak(word, word + 1, std::memory_order_acquire));
    return TypedRef::adopt(std::move(page).leak());
}
}  // namespace

Result<L1Slot> find_l1(Vcpu& vcpu, u64 va) {
    Mfn mfn = TRY(walk_to_l1(vcpu, va));
    TypedRef table = TRY(hold_l1(*vcpu.domain, mfn));
    u64* entry = reinterpret_cast<u64*>(hal::map(mfn)) + l1_index(va);
    return L1Slot{std::move(table), entry};
}

Result<L1Slot> l1_slot_at(Domain& domain, Maddr address) {
    if (address.value % sizeof(u64)) return Errno::inval;
    Mfn mfn{address.value >> page_shift};
    TypedRef table = TRY(hold_l1(domain, mfn));
    u64* entry = reinterpret_cast<u64*>(hal::map(mfn) + address.value % page_size);
    return L1Slot{std::move(table), entry};
}

Result<Pte> read_leaf(Vcpu const& vcpu, u64 va) {
    Mfn mfn = TRY(walk_to_l1(vcpu, va));
    if (!is_ram(mfn)) return Errno::inval;
    return Pte{__atomic_load_n(reinterpret_cast<u64 const*>(hal::map(mfn)) + l1_index(va), __ATOMIC_RELAXED)};
}

Result<bool> compare_exchange_l1(u64* entry, Pte expected, Pte wanted, Domain& table_owner, PageOwner owner) {
    Pte stored = TRY(acquire_leaf(wanted, table_owner, owner));
    if (!exchange(entry, expected, stored)) {
        release_leaf(stored);
        return false;
    }
    release_leaf(expected);
    return true;
}

Result<> replace_l1(u64* entry, Pte wanted, Domain& table_owner, PageOwner owner, Replace mode) {
    Pte old{__atomic_load_n(entry, __ATOMIC_RELAXED)};
    auto kept = [&](Pte pte) {
        if (mode == Replace::plain || !pte.is_present()) return pte;
        return Pte{pte.raw | (old.raw & (Pte::accessed | Pte::dirty))};
    };
    // The same frame with other soft bits: the references stay as they are. RW may not differ.
    while (old.is_present() && wanted.is_present() && ((old.raw ^ (wanted.raw | Pte::user)) & ~soft_bits) == 0) {
        if (exchange(entry, old, kept(Pte{wanted.raw | Pte::user}))) return {};
    }
    Pte stored = TRY(acquire_leaf(wanted, table_owner, owner));
    while (!exchange(entry, old, kept(stored))) {}
    release_leaf(old);
    return {};
}
}  // namespace hv

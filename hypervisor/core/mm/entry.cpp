// SPDX-License-Identifier: MIT
#include "core/mm/entry.hpp"
#include <atomic>
#include <span>
#include "base/lock.hpp"
#include "core/hal/memory.hpp"

namespace hv {
constinit std::array<u64, last_hypervisor_slot - first_hypervisor_slot + 1> hypervisor_l4_entries{};

namespace {
struct IoRange {
    u64 first, end;
    Protection protection;
};
constinit std::array<IoRange, 256> protected_ranges{};
constinit std::atomic<u32> protected_count{0};  // those below are complete, and stay
constinit Spinlock<LockRank::io_ranges> protect_lock;

Protection protection_of(Mfn mfn) {
    for (IoRange const& range : std::span{protected_ranges}.first(protected_count.load(std::memory_order_acquire)))
        if (mfn.value >= range.first && mfn.value < range.end) return range.protection;
    return Protection::none;
}

u64 reserved_address_bits() { return Pte::address & ~((u64{1} << hal::max_address_bits()) - 1); }

// Memory types WB, WT and WP make no sense for devices and may alias RAM types: stored as UC (PAT entry 3, see
// MSR_PAT).
Pte with_safe_cache_type(Pte pte) {
    u64 cache = pte.raw & Pte::cache;
    bool uncached = cache == Pte::cache_disable || cache == (Pte::cache_disable | Pte::write_through) ||
                    cache == Pte::page_size_or_pat;
    if (uncached) return pte;
    return Pte{(pte.raw & ~Pte::cache) | Pte::cache_disable | Pte::write_through};
}

Result<Pte> acquire_io(Pte pte, Domain& table_owner, PageOwner const& owner) {
    Protection protection = protection_of(pte.mfn());
    if (!table_owner.may_map_io || !owner.may_map_io() || protection == Protection::denied) return Errno::perm;
    if (protection == Protection::read_only) pte.raw &= ~Pte::writable;
    return with_safe_cache_type(pte);
}
}  // namespace

bool protect_io(Mfn first, u64 count, Protection protection) {
    SpinGuard guard{protect_lock};
    u32 at = protected_count.load(std::memory_order_relaxed);
    if (at == protected_ranges.size()) return false;
    protected_ranges[at] = {first.value, first.value + count, protection};
    protected_count.store(at + 1, std::memory_order_release);
    return true;
}

Result<Pte> acquire_other_leaf(Pte wanted, Domain& table_owner, PageOwner const& owner) {
    u64 allowed = Pte::leaf_allowed | Pte::address | (table_owner.may_map_io ? Pte::cache : 0);
    if (wanted.raw & ~allowed) return Errno::inval;
    if (wanted.raw & reserved_address_bits()) return Errno::perm;  // an I/O address that nobody has rights to
    Pte pte{wanted.raw | Pte::user};
    if (!is_ram(pte.mfn())) return acquire_io(pte, table_owner, owner);

    auto page = get_page(pte.mfn(), owner.id);
    if (!page) return Errno::busy;
    if ((*page)->count_has(PageInfo::shared) && (pte.raw & Pte::cache)) return Errno::acces;
    if (!pte.is_writable()) {
        (void)(*std::move(page)).leak();
        return pte;
    }
    if (owner.id == abi::domid_xen) return Errno::busy;  // the M2P may be seen, not written
    if (owner.is_elsewhere() && !(*page)->count_has(PageInfo::mapped_elsewhere))
        (*page)->count.fetch_or(PageInfo::mapped_elsewhere, std::memory_order_acq_rel);
    TypedRef typed = TRY(promote(*std::move(page), PageType::writable));
    (void)std::move(typed).leak();
    return pte;
}

Result<Pte> acquire_table_entry(Pte wanted, PageType level, Domain& domain) {
    if (!wanted.is_present()) return wanted;
    if (wanted.raw & (~(Pte::table_allowed | Pte::address) | reserved_address_bits())) return Errno::inval;
    TypedRef table = TRY(get_typed(wanted.mfn(), domain.id, below(level)));
    (void)std::move(table).leak();
    return Pte{wanted.raw | Pte::user | (level == PageType::l4 ? Pte::accessed : 0)};
}

void release_table_entry(Pte stored) {
    if (stored.is_present()) TypedRef::release(page_of(stored.mfn()));
}
}  // namespace hv

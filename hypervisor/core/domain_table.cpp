// SPDX-License-Identifier: MIT
// Domid -> Domain. Domain objects are only ever reused as Domain objects (domain.cpp keeps the spare ones), so a lookup
// may look at one that is just being given up: it fails to get a reference, or finds another id in it.
#include <array>
#include "base/bitmap.hpp"
#include "base/index.hpp"
#include "core/domain.hpp"

namespace hv {
namespace {
constinit std::array<std::atomic<Domain*>, abi::first_reserved_domid> table{};
constinit AtomicBitmap<abi::first_reserved_domid> taken{};  // which ids have one: all domains are walked often
constinit std::atomic<u32> last_domid{0};
}  // namespace

Domain* hold_domain(Domid id) {
    u32 number = id.value;
    Domain* const domain =
        check_index(number, table.size()) ? table.data()[number].load(std::memory_order_acquire) : nullptr;
    if (!domain) return nullptr;
    u32 count = domain->references.load(std::memory_order_relaxed);
    do {
        if (count == 0) return nullptr;
    } while (!domain->references.compare_exchange_weak(count, count + 1, std::memory_order_acquire));
    if (domain->id == id) [[likely]]
        return domain;
    DomainRef::release(*domain);
    return nullptr;
}

Result<DomainRef> find_domain(Domid id) {
    Domain* const domain = hold_domain(id);
    if (!domain) return Errno::srch;
    return DomainRef::adopt(*domain);
}

Result<DomainRef> find_domain_from(Domid first) {
    for (u32 id = taken.next(first.value); id < abi::first_reserved_domid; id = taken.next(id + 1))
        if (auto found = find_domain(Domid{static_cast<u16>(id)})) return found;
    return Errno::srch;
}

Result<DomainRef> resolve_domain(Domain& caller, Domid id) {
    if (id == abi::domid_self || id == caller.id) return DomainRef{caller};
    if (!caller.privileged) return Errno::perm;
    return find_domain(id);
}

Result<Domid> next_free_domid() {
    for (u32 tries = 1; tries < abi::first_reserved_domid; ++tries) {
        u32 id = (last_domid.load() + tries) % abi::first_reserved_domid;
        if (id == 0 || table[id].load(std::memory_order_relaxed)) continue;
        return Domid{static_cast<u16>(id)};
    }
    return Errno::nomem;
}

Domain& dom0() { return *table[abi::dom0.value].load(std::memory_order_acquire); }
bool dom0_exists() { return table[abi::dom0.value].load(std::memory_order_acquire) != nullptr; }

Domain& owner_of_live_frame(Domid owner) { return *table[owner.value].load(std::memory_order_acquire); }

Result<> enter_domain(Domain& domain) {
    Domain* none = nullptr;
    if (!table[domain.id.value].compare_exchange_strong(none, &domain, std::memory_order_acq_rel)) return Errno::exist;
    taken.set(domain.id.value);
    if (domain.id.value) last_domid.store(domain.id.value);
    return {};
}

void leave_domain(Domain& domain) {
    taken.clear(domain.id.value);  // first: another one may have the number at once
    table[domain.id.value].store(nullptr, std::memory_order_release);
}
}  // namespace hv

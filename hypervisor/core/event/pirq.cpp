// SPDX-License-Identifier: MIT
#include "core/event/pirq.hpp"
#include "core/hal.hpp"

namespace hv {
Result<u32> PirqTable::map(std::optional<u32> wanted, u32 first_choice) {
    auto take = [this](u32 pirq) {
        if (table_[pirq].mapped.exchange(true, std::memory_order_acq_rel)) return false;
        table_[pirq].needs_eoi.store(false, std::memory_order_relaxed);
        return true;
    };
    if (wanted) {
        if (*wanted >= size) return Errno::inval;
        if (!take(*wanted)) return Errno::exist;
        return *wanted;
    }
    for (u32 pirq = first_choice; pirq < size; ++pirq)
        if (take(pirq)) return pirq;
    return Errno::nospc;
}

Result<> PirqTable::unmap(u32 pirq) {
    Pirq* const entry = find(pirq);
    if (!entry) return Errno::inval;
    if (entry->port.load(std::memory_order_acquire)) return Errno::busy;
    hal::disconnect_irq(pirq);
    entry->mapped.store(false, std::memory_order_release);
    return {};
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// Physical interrupts as a domain numbers them, and the ports they arrive on.
#pragma once
#include <array>
#include <atomic>
#include <optional>
#include "core/hal.hpp"

namespace hv {
struct Pirq {
    std::atomic<u32> port{0};  // 0: not bound
    std::atomic<bool> mapped{false};
    std::atomic<bool> needs_eoi{false};  // delivered, and the guest has not finished with it
};

class PirqTable {
public:
    static constexpr u32 size = 256;

    Pirq* find(u32 pirq) {
        return pirq < size && table_[pirq].mapped.load(std::memory_order_acquire) ? &table_[pirq] : nullptr;
    }
    // The wanted number, exist if it is taken; or the first free one from the first choice on.
    Result<u32> map(std::optional<u32> wanted, u32 first_choice) {
        u32 const last = wanted ? *wanted : size - 1;
        for (u32 pirq = wanted.value_or(first_choice); pirq <= last && pirq < size; ++pirq)
            if (!table_[pirq].mapped.exchange(true, std::memory_order_acq_rel)) return pirq;
        return !wanted ? Errno::nospc : *wanted < size ? Errno::exist : Errno::inval;
    }
    Result<> unmap(u32 pirq) {  // busy while bound
        Pirq* const entry = find(pirq);
        if (!entry) return Errno::inval;
        if (entry->port.load(std::memory_order_acquire)) return Errno::busy;
        hal::disconnect_irq(pirq);
        entry->mapped.store(false, std::memory_order_release);
        return {};
    }

private:
    std::array<Pirq, size> table_{};
};
}  // namespace hv

// SPDX-License-Identifier: MIT
// Physical interrupts as a domain numbers them, and the ports they arrive on.
#pragma once
#include <array>
#include <atomic>
#include <optional>
#include "base/result.hpp"

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
    Result<u32> map(std::optional<u32> wanted, u32 first_choice);  // exist if the wanted one is taken
    Result<> unmap(u32 pirq);                                      // busy while bound

private:
    std::array<Pirq, size> table_{};
};
}  // namespace hv

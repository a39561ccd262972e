// SPDX-License-Identifier: MIT
// Physical interrupts as a domain numbers them, and the ports they arrive on.
#pragma once
#include <array>
#include <atomic>
#include <optional>
#include "base/index.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
// PHYSDEVOP_pirq_eoi_gmfn: a page of the guest's with a bit for each pirq that wants to be told its end. Set up once,
// it stays until the domain ends.
class PirqEnds {
public:
    PageInfo const* page() const { return page_; }
    bool unmasks() const { return unmasks_; }  // the end of an interrupt unmasks its port too
    bool begin(TypedRef page, bool unmasks) {  // false: there is one
        if (page_) return false;
        unmasks_ = unmasks;
        page_ = &std::move(page).leak();
        return true;
    }
    // No-op without a page. The guest may write there, too: it deceives nobody but itself.
    void show(u32 pirq, bool needed) {
        if (!page_) return;
        u64* const word = reinterpret_cast<u64*>(hal::map(mfn_of(*page_))) + pirq / 64;
        u64 const bit = u64{1} << pirq % 64;
        if (needed) __atomic_fetch_or(word, bit, __ATOMIC_ACQ_REL);
        else __atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL);
    }
    void end() {
        if (page_) TypedRef::release(*std::exchange(page_, nullptr));
    }

private:
    PageInfo* page_ = nullptr;
    bool unmasks_ = false;
};

struct Pirq {
    std::atomic<u32> port{0};  // 0: not bound
    std::atomic<bool> mapped{false};
    std::atomic<bool> needs_eoi{false};  // delivered, and the guest has not finished with it
};

class PirqTable {
public:
    static constexpr u32 size = 256;

    Pirq* find(u32 pirq) {
        if (!check_index(pirq, size)) return nullptr;
        Pirq& entry = table_[pirq];
        return entry.mapped.load(std::memory_order_acquire) ? &entry : nullptr;
    }
    // A number that is not mapped: the wanted one, exist if it is taken; or the first from the first choice on.
    Result<u32> choose(std::optional<u32> wanted, u32 first_choice) const {
        u32 const last = wanted ? *wanted : size - 1;
        for (u32 pirq = wanted.value_or(first_choice); pirq <= last && pirq < size; ++pirq)
            if (!table_[pirq].mapped.load(std::memory_order_relaxed)) return pirq;
        return !wanted ? Errno::nospc : *wanted < size ? Errno::exist : Errno::inval;
    }
    void set_mapped(u32 pirq, bool mapped) { table_[pirq].mapped.store(mapped, std::memory_order_release); }

    PirqEnds ends;

private:
    std::array<Pirq, size> table_{};
};
}  // namespace hv

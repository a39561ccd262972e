// SPDX-License-Identifier: MIT
// A fixed set of small numbers, changed atomically bit by bit: CPU masks and the like.
#pragma once
#include <array>
#include <atomic>
#include <bit>
#include "portable/base/types.hpp"

namespace hv {
template <u32 Bits>
class AtomicBitmap {
public:
    static constexpr u32 words = (Bits + 63) / 64;

    constexpr AtomicBitmap() = default;
    AtomicBitmap(AtomicBitmap const& other) { *this = other; }
    AtomicBitmap& operator=(AtomicBitmap const& other) {
        for (u32 i = 0; i < words; ++i) word_[i].store(other.word_[i].load(std::memory_order_relaxed));
        return *this;
    }

    bool test(u32 bit) const { return word_[bit / 64].load(std::memory_order_acquire) >> (bit % 64) & 1; }
    bool test_and_set(u32 bit) { return word_[bit / 64].fetch_or(u64{1} << (bit % 64)) >> (bit % 64) & 1; }
    bool test_and_clear(u32 bit) { return word_[bit / 64].fetch_and(~(u64{1} << (bit % 64))) >> (bit % 64) & 1; }
    void set(u32 bit) { (void)test_and_set(bit); }
    void clear(u32 bit) { (void)test_and_clear(bit); }
    bool empty() const {
        u64 found = 0;
#pragma GCC unroll 4
        for (auto const& word : word_) found |= word.load(std::memory_order_relaxed);
        return !found;
    }
    bool has_others(u32 bit) const {  // than that one
        u64 found = word_[bit / 64].load(std::memory_order_relaxed) & ~(u64{1} << (bit % 64));
#pragma GCC unroll 4
        for (u32 i = 0; i < words; ++i) found |= i == bit / 64 ? 0 : word_[i].load(std::memory_order_relaxed);
        return found;
    }
    u32 next(u32 from) const {  // the first one that is not below `from`; Bits if there is none
        u64 above = ~u64{0} << (from % 64);
        for (u32 i = from / 64; i < words; ++i, above = ~u64{0})
            if (u64 const found = word_[i].load(std::memory_order_acquire) & above)
                return i * 64 + static_cast<u32>(std::countr_zero(found));
        return Bits;
    }
    template <class F>
    void for_each(F&& visit) const {
        for (u32 i = 0; i < words; ++i)
            for (u64 rest = word_[i].load(std::memory_order_acquire); rest; rest &= rest - 1)
                visit(i * 64 + static_cast<u32>(std::countr_zero(rest)));
    }

private:
    std::array<std::atomic<u64>, words> word_{};
};

using CpuMask = AtomicBitmap<max_cpus>;
}  // namespace hv

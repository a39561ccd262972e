// SPDX-License-Identifier: MIT
// Bytes from one end to the other through a shared buffer: consoles and xenstore have one for each direction
// (io/console.h, io/xs_wire.h). Two indices run freely, and their remainders are the places in the buffer. An end
// writes its own index only, keeps it here and never reads it back; that of the other end is read once and checked.
// What the other end does to either makes this end stop, and no more.
#pragma once
#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include "base/types.hpp"
#include "portable/base/shared.hpp"

namespace hv::ring {
// How many bytes lie between the indices; nothing if they cannot be those of a buffer of this size.
constexpr std::optional<u32> filled(u32 producer, u32 consumer, u32 size) {
    return producer - consumer <= size ? std::optional{producer - consumer} : std::nullopt;
}

// The end that reads.
template <u32 size>
requires((size & (size - 1)) == 0) class ByteConsumer {
public:
    // Goes on from the index in the page.
    ByteConsumer(char const (&bytes)[size], u32 const& producer, u32& consumer)
        : bytes_{bytes}, producer_{producer}, consumer_{consumer}, at_{load_acquire(consumer)} {}

    // How many wait to be taken.
    std::optional<u32> waiting() const { return filled(load_acquire(producer_), at_, size); }

    // Moves as many as there are and fit, each read once, and says how many.
    std::optional<usize> take(std::span<char> to) {
        std::optional<usize> const count = look(to);
        if (count && *count != 0) pass(*count);
        return count;
    }
    // In two steps, for who must have written down what it took before the other end hears of it.
    std::optional<usize> look(std::span<char> to) const {
        std::optional<u32> const there = waiting();
        if (!there) return {};
        usize const count = std::min<usize>(*there, to.size());
        usize const first = std::min<usize>(count, size - at_ % size);
        __builtin_memcpy(to.data(), bytes_ + at_ % size, first);
        __builtin_memcpy(to.data() + first, bytes_, count - first);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);  // the copy is taken here
        return count;
    }
    void pass(usize count) { move_to(at_ + static_cast<u32>(count)); }

    // Leaves out whatever is there: the way back from indices that make no sense.
    void skip_all() { move_to(load_acquire(producer_)); }
    void restart() { move_to(0); }
    void move_to(u32 index) { store_release(consumer_, at_ = index); }
    u32 at() const { return at_; }

private:
    char const* bytes_;
    u32 const& producer_;
    u32& consumer_;
    u32 at_;
};

// The end that writes.
template <u32 size>
requires((size & (size - 1)) == 0) class ByteProducer {
public:
    ByteProducer(char (&bytes)[size], u32& producer, u32 const& consumer)
        : bytes_{bytes}, producer_{producer}, consumer_{consumer}, at_{load_acquire(producer)} {}

    // How many are not read yet.
    std::optional<u32> unread() const { return filled(at_, load_acquire(consumer_), size); }

    // Moves as many as there is room for, and says how many.
    std::optional<usize> put(std::span<char const> from) {
        std::optional<usize> const count = place(from);
        if (count && *count != 0) pass(*count);
        return count;
    }
    // In two steps: what is placed is not there for the other end before it is passed.
    std::optional<usize> place(std::span<char const> from) {
        std::optional<u32> const used = unread();
        if (!used) return {};
        usize const count = std::min<usize>(size - *used, from.size());
        usize const first = std::min<usize>(count, size - at_ % size);
        __builtin_memcpy(bytes_ + at_ % size, from.data(), first);
        __builtin_memcpy(bytes_, from.data() + first, count - first);
        return count;
    }
    void pass(usize count) { move_to(at_ + static_cast<u32>(count)); }

    void restart() { move_to(0); }
    void move_to(u32 index) { store_release(producer_, at_ = index); }
    u32 at() const { return at_; }

private:
    char* bytes_;
    u32& producer_;
    u32 const& consumer_;
    u32 at_;
};
}  // namespace hv::ring

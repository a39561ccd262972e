// SPDX-License-Identifier: MIT
// Bytes from one end to the other through a shared buffer: consoles and xenstore have one for each direction
// (io/console.h, io/xs_wire.h). Two indices run freely, and their remainders are the places in the buffer. An end
// writes its own index only, keeps it here and never reads it back; that of the other end is read once and checked.
// What the other end does to either makes this end stop, and no more. Who goes on for a process that was killed knows
// its index from a journal, and says it.
#pragma once
#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include "portable/base/shared.hpp"
#include "portable/base/types.hpp"

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
        : ByteConsumer{bytes, producer, consumer, load_acquire(consumer)} {}
    ByteConsumer(char const (&bytes)[size], u32 const& producer, u32& consumer, u32 at)
        : bytes_{bytes}, producer_{producer}, consumer_{consumer}, at_{at} {}

    u32 index() const { return at_; }

    // How many wait to be taken.
    std::optional<u32> waiting() const { return filled(load_acquire(producer_), at_, size); }

    // Copies as many as there are and fit, and says how many. They stay where they are until advance().
    std::optional<usize> copy(std::span<char> to) const {
        std::optional<u32> const there = waiting();
        if (!there) return {};
        usize const count = std::min<usize>(*there, to.size());
        usize const first = std::min<usize>(count, size - at_ % size);
        __builtin_memcpy(to.data(), bytes_ + at_ % size, first);
        __builtin_memcpy(to.data() + first, bytes_, count - first);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);  // the copy is taken here
        return count;
    }
    void advance(usize count) { move_to(at_ + static_cast<u32>(count)); }

    // Both, each byte read once.
    std::optional<usize> take(std::span<char> to) {
        std::optional<usize> const count = copy(to);
        if (count.value_or(0) != 0) advance(*count);
        return count;
    }

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
        : ByteProducer{bytes, producer, consumer, load_acquire(producer)} {}
    ByteProducer(char (&bytes)[size], u32& producer, u32 const& consumer, u32 at)
        : bytes_{bytes}, producer_{producer}, consumer_{consumer}, at_{at} {}

    u32 index() const { return at_; }

    // How many are not read yet.
    std::optional<u32> unread() const { return filled(at_, load_acquire(consumer_), size); }

    // Copies as many as there is room for, and says how many. The other end sees them after advance().
    std::optional<usize> copy(std::span<char const> from) {
        std::optional<u32> const used = unread();
        if (!used) return {};
        usize const count = std::min<usize>(size - *used, from.size());
        usize const first = std::min<usize>(count, size - at_ % size);
        __builtin_memcpy(bytes_ + at_ % size, from.data(), first);
        __builtin_memcpy(bytes_, from.data() + first, count - first);
        return count;
    }
    void advance(usize count) { move_to(at_ + static_cast<u32>(count)); }

    std::optional<usize> put(std::span<char const> from) {
        std::optional<usize> const count = copy(from);
        if (count.value_or(0) != 0) advance(*count);
        return count;
    }

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

// SPDX-License-Identifier: MIT
// Clocks whose speed is known, as cpu/calibrate.hpp reads them. `Io` is the machine: ports and the TSC. Pure, tested
// hosted.
#pragma once
#include <optional>
#include "x86/cpu/calibrate.hpp"

namespace hv::time {
// 8254 data sheet. Channel 2 counts down once from 65536; the read-back command latches its count, and whether its
// output has risen since, in one moment: what is read afterwards may take as long as it likes.
template <class Io>
class Pit {
public:
    static constexpr u64 hz = 1'193'182;
    static constexpr u64 distance_wanted = hz / 40, longest = 60'000;
    static constexpr bool may_wrap = false;

    explicit Pit(Io& io) : io_(io), gate_(io.inb(gate_port)) {
        io_.outb(gate_port, static_cast<u8>((gate_ & ~speaker) | gate_open));
    }
    ~Pit() { io_.outb(gate_port, gate_); }
    Pit(Pit const&) = delete;
    Pit& operator=(Pit const&) = delete;

    void begin() {
        io_.outb(mode_port, 0xb0);  // channel 2, low then high byte, mode 0: its output rises at the end
        io_.outb(channel_port, 0);
        io_.outb(channel_port, 0);
    }

    std::optional<Pair> read() {
        constexpr u8 latch_count_and_status = 0xc8, not_loaded = 0x40, as_begun = 0x30;
        constexpr u32 most_tries = 1000;
        for (u32 i = 0; i < most_tries; ++i) {
            u64 const before = io_.tsc();
            io_.outb(mode_port, latch_count_and_status);
            u64 const after = io_.tsc();
            u8 const status = io_.inb(channel_port);
            u32 const low = io_.inb(channel_port), high = io_.inb(channel_port);
            if ((status & ~not_loaded) != as_begun) return std::nullopt;  // its output has risen, or no such chip
            if (!(status & not_loaded)) return Pair{before, after, static_cast<u16>(-(low | high << 8))};
        }
        return std::nullopt;
    }

    static u64 distance(Pair const& first, Pair const& now) { return now.count - first.count; }

private:
    static constexpr u16 channel_port = 0x42, mode_port = 0x43, gate_port = 0x61;
    static constexpr u8 gate_open = 1, speaker = 2;

    Io& io_;
    u8 gate_;
};

// One that always counts up and wraps, like the ACPI timer (specification 6.4, 4.8.2.1) and the HPET.
template <class Io>
class Counter {
public:
    static constexpr bool may_wrap = true;
    u64 const hz, mask, distance_wanted, longest;

    Counter(Io& io, u64 hertz, u64 its_mask)
        : hz(hertz), mask(its_mask), distance_wanted(hertz / 40), longest(its_mask / 4), io_(io) {}

    void begin() { start_ = io_.count(); }
    Pair read_once() {
        u64 const before = io_.tsc();
        u64 const count = io_.count();
        return {before, io_.tsc(), count};
    }
    std::optional<Pair> read() {
        Pair pair = read_once();
        pair.count = (pair.count - start_) & mask;
        return pair;
    }
    static u64 distance(Pair const& first, Pair const& now) { return now.count - first.count; }

private:
    Io& io_;
    u64 start_ = 0;
};
}  // namespace hv::time

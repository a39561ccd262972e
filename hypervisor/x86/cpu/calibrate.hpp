// SPDX-License-Identifier: MIT
// How fast a counter runs, measured where nobody is sure to keep the CPU: an SMI, or a host with other work, may stop
// it between any two instructions, for longer than the measurement. So each reading of another clock stands between two
// of the TSC, the narrowest such pairs count, and what is left is said as a doubt. Pure, tested hosted.
#pragma once
#include <algorithm>
#include <optional>
#include "portable/base/types.hpp"

namespace hv::time {
// The other clock had counted to `count` at some moment between the two readings of the TSC.
struct Pair {
    u64 before, after, count;
    u64 width() const { return after - before; }
    u64 middle() const { return before + width() / 2; }
};

// The other clock's `ticks` took `tsc` ticks of the TSC, give or take `doubt`.
struct Span {
    u64 tsc, ticks, doubt;

    // What a second has of the TSC's ticks if it has `clock_hz` of the clock's, and the other way round.
    u64 tsc_hz(u64 clock_hz) const { return scale(tsc, clock_hz, ticks); }
    u64 clock_hz(u64 tsc_hz) const { return scale(ticks, tsc_hz, tsc); }
    u64 doubt_in_millionths() const { return doubt * 1'000'000 / tsc + 1; }

private:
    static u64 scale(u64 value, u64 by, u64 of) { return value / of * by + value % of * by / of; }
};

// A count says nothing of the time since it last changed: up to one tick more.
inline Span between(Pair const& first, Pair const& last) {
    u64 const tsc = last.middle() - first.middle(), ticks = last.count - first.count;
    return {.tsc = tsc, .ticks = ticks, .doubt = (first.width() + last.width()) / 2 + 2 + tsc / ticks};
}

inline constexpr u64 most_doubt = 1000, little_doubt = 200;  // in millionths

// A clock has
//   void begin()               a run begins: it counts up from here
//   std::optional<Pair> read() nothing if the run is over, or if there is no such clock
//   u64 distance(first, now)   how far a run has come, up to `longest`; `distance_wanted` is enough
//   may_wrap                   whether a long stop may go unnoticed, so that it seems to run too slowly
template <class Clock>
std::optional<Pair> narrowest(Clock& clock) {
    std::optional<Pair> best;
    for (u32 i = 0; i < 8; ++i) {
        std::optional<Pair> pair = clock.read();
        if (!pair) break;
        if (!best || pair->width() < best->width()) best = pair;
    }
    return best;
}

// Reads until `done(pair)`; nothing if the run ends before, or if the clock stands still.
template <class Clock, class Done>
std::optional<Pair> read_until(Clock& clock, Done&& done) {
    constexpr u32 most_readings_of_one_tick = 20'000;
    u64 last = 0;
    for (u32 same = 0; same < most_readings_of_one_tick; ++same) {
        std::optional<Pair> pair = clock.read();
        if (!pair || done(*pair)) return pair;
        if (pair->count != last) same = 0;
        last = pair->count;
    }
    return std::nullopt;
}

template <class Clock>
std::optional<Span> run(Clock& clock, u64 distance) {
    clock.begin();
    std::optional<Pair> const first = narrowest(clock);
    if (!first) return std::nullopt;
    if (!read_until(clock, [&](Pair const& now) { return clock.distance(*first, now) >= distance; }))
        return std::nullopt;
    std::optional<Pair> const last = narrowest(clock);
    if (!last || last->count <= first->count) return std::nullopt;
    return between(*first, *last);
}

template <class Clock>
bool counts(Clock& clock) {
    for (u32 i = 0; i < 20; ++i) {
        clock.begin();
        std::optional<Pair> const first = clock.read();
        if (first && read_until(clock, [&](Pair const& now) { return now.count != first->count; })) return true;
    }
    return false;
}

// The best of some runs, of one if it is good. Its doubt may be large: see most_doubt. Nothing if the clock does not
// count. Where we are stopped for longer than the clock can count, only shorter runs come to an end.
template <class Clock>
std::optional<Span> best_run(Clock& clock) {
    constexpr u32 most_runs = 200, runs_for_little_doubt = 20;
    std::optional<Span> best;
    u64 distance = clock.distance_wanted;
    for (u32 i = 0; i < most_runs; ++i) {
        std::optional<Span> const next = run(clock, distance);
        distance =
            next ? std::min<u64>(distance * 2, clock.longest) : std::max<u64>(distance / 2, clock.distance_wanted / 16);
        if (next && (!best || next->doubt_in_millionths() < best->doubt_in_millionths())) best = next;
        u64 const enough = i < runs_for_little_doubt ? little_doubt : most_doubt;
        if (best && best->doubt_in_millionths() <= enough) break;
    }
    return best;
}

template <class Clock>
std::optional<Span> measure(Clock& clock) {
    if (!counts(clock)) return std::nullopt;
    std::optional<Span> const one = best_run(clock);
    if (!clock.may_wrap || !one) return one;
    std::optional<Span> const other = best_run(clock);
    // A wrap that went unnoticed leaves the clock ticks short.
    constexpr u64 any_hz = 1'000'000'000;
    return other && other->tsc_hz(any_hz) < one->tsc_hz(any_hz) ? other : one;
}

// Compares the TSC with another clock all the time, a minute each. Readings must come oftener than that clock wraps;
// where one is late the minute begins anew.
class ClockWatch {
public:
    constexpr ClockWatch(u64 tsc_hz, u64 mask) : tsc_hz_(tsc_hz), mask_(mask) {}

    // Something at the end of each minute: all of it.
    std::optional<Span> add(Pair const& pair) {
        bool const late = started_ && pair.before - last_.before > tsc_hz_ * longest_pause;
        if (!started_ || late) {
            started_ = true;
            first_ = last_ = pair;
            ticks_ = 0;
            return std::nullopt;
        }
        ticks_ += (pair.count - last_.count) & mask_;
        last_ = pair;
        if (pair.before - first_.after < tsc_hz_ * minute) return std::nullopt;
        started_ = false;
        if (!ticks_) return std::nullopt;  // somebody has stopped it
        Pair const begin{first_.before, first_.after, 0}, end{pair.before, pair.after, ticks_};
        return between(begin, end);
    }

private:
    static constexpr u64 minute = 60, longest_pause = 4;  // seconds

    u64 tsc_hz_, mask_;
    bool started_ = false;
    Pair first_{}, last_{};
    u64 ticks_ = 0;
};

// Clocks whose speed is known. `Io` is the machine: ports and the TSC.
//
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

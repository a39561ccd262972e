// SPDX-License-Identifier: MIT
#include "base/log.hpp"
#include <algorithm>
#include <atomic>
#include "base/lock.hpp"

namespace hv::log {
namespace {
constexpr i32 guest_lines_per_second = 20;

std::atomic<Level> threshold{Level::info};
std::atomic<Level> guest_threshold{Level::warning};
std::atomic<i32> guest_budget{guest_lines_per_second};

constinit Spinlock<LockRank::log> ring_lock;
constinit std::atomic<bool> alone{false};
constinit std::array<char, ring_size> ring{};
constinit u64 ring_start = 0;  // index of the oldest byte kept
constinit u64 ring_end = 0;    // index of the next byte

void append_locked(std::string_view text) {
    for (char c : text) ring[ring_end++ % ring_size] = c;
    if (ring_end - ring_start > ring_size) ring_start = ring_end - ring_size;
}

void tell_locked(std::string_view line) {
    append_locked(line);
    console_write(line);
}
}  // namespace

void be_alone(bool yes) { alone.store(yes, std::memory_order_relaxed); }

void set_threshold(Level level) { threshold = level; }
void set_guest_threshold(Level level) { guest_threshold = level; }
void refill_guest_budget() { guest_budget.store(guest_lines_per_second, std::memory_order_relaxed); }

bool line_allowed(Level level) { return level <= threshold.load(std::memory_order_relaxed); }

bool guest_line_allowed(Level level) {
    if (level > guest_threshold.load(std::memory_order_relaxed)) return false;
    return guest_budget.fetch_sub(1, std::memory_order_relaxed) > 0;
}

Chunk read_ring(u64 index, std::span<char> out) {
    SpinGuard guard{ring_lock};
    index = std::clamp(index, ring_start, ring_end);
    usize size = std::min<usize>(out.size(), ring_end - index);
    for (usize i = 0; i < size; ++i) out[i] = ring[(index + i) % ring_size];
    return {.next_index = index + size, .size = size};
}

void clear_ring() {
    SpinGuard guard{ring_lock};
    ring_start = ring_end;
}

usize write_raw(std::string_view text) {
    SpinGuard guard{ring_lock};
    return console_write_some(text);
}

void write_line(std::string_view pattern, std::span<FormatArg const> args) {
    constexpr std::string_view mark = "(pv) ";
    std::array<char, mark.size() + 400> buffer;
    mark.copy(buffer.data(), mark.size());
    std::string_view text = format_to(std::span{buffer}.subspan(mark.size(), 399), pattern, args);
    buffer[mark.size() + text.size()] = '\n';
    std::string_view whole{buffer.data(), mark.size() + text.size() + 1};
    if (alone.load(std::memory_order_relaxed)) return tell_locked(whole);
    SpinGuard guard{ring_lock};  // one lock keeps the lines of two CPUs apart
    tell_locked(whole);
}
}  // namespace hv::log

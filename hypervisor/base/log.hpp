// SPDX-License-Identifier: MIT
// The hypervisor's log: one line, one fact, domain first. Lines go to the console (by level) and to a ring that
// dom0 reads with XEN_SYSCTL_readconsole. Lines that a guest can cause are rate-limited (`guest`).
#pragma once
#include <array>
#include <span>
#include <string_view>
#include "portable/base/format.hpp"

namespace hv::log {
enum class Level : u8 { error, warning, info, debug };

// Thresholds, set from loglvl= and guest_loglvl=. A line is printed if its level is not above the threshold: a guest's,
// if that is not above the one for guests.
void set_threshold(Level level);
void set_guest_threshold(Level level);
bool guest_line_allowed(Level level);  // counts against the budget that refill_guest_budget renews once a second
void refill_guest_budget();

// The ring: every byte ever logged has an index; the newest ring_size of them are kept.
inline constexpr usize ring_size = 128 * 1024;
struct Chunk {
    u64 next_index;  // pass it as `index` the next time
    usize size;      // bytes copied
};
Chunk read_ring(u64 index, std::span<char> out);
void clear_ring();
// Dom0's own output: to the console as it is. It stays out of the ring, which dom0 prints when it is asked for the log.
// So much of it was taken: the rest when the console has sent some of that.
usize write_raw(std::string_view text);

// Where lines go beside the ring; defined by x86 (serial) and by the hosted world. A line goes whole or, where the
// console cannot keep up, not at all; of other text as much as the console takes.
void console_write(std::string_view line);
usize console_write_some(std::string_view text);

// Lines wait for no lock while nobody else is there to have it: all other CPUs have been stopped, for good, wherever
// they were.
void be_alone(bool yes);

bool line_allowed(Level level);
void write_line(std::string_view pattern, std::span<FormatArg const> args);

template <class... Args>
void line(bool allowed, std::string_view pattern, Args const&... args) {
    if (!allowed) return;
    std::array<FormatArg, sizeof...(Args) + 1> list{FormatArg{args}..., FormatArg{0}};
    write_line(pattern, std::span{list.data(), sizeof...(Args)});
}
// As a function: log::error("d{}: crashed: {}", id, why).
template <Level level>
struct AtLevel {
    template <class... Args>
    void operator()(std::string_view pattern, Args const&... args) const {
        line(line_allowed(level), pattern, args...);
    }
};
inline constexpr AtLevel<Level::error> error;
inline constexpr AtLevel<Level::warning> warn;
inline constexpr AtLevel<Level::info> info;
inline constexpr AtLevel<Level::debug> debug;
template <class... Args>
void guest(std::string_view pattern, Args const&... args) {  // something a guest did wrong, or said
    line(guest_line_allowed(Level::info), pattern, args...);
}
}  // namespace hv::log

// SPDX-License-Identifier: MIT
#include "x86/dev/rtc.hpp"
#include "x86/cpu/instructions.hpp"

namespace hv::rtc {
namespace {
enum Register : u8 { seconds = 0, minutes = 2, hours = 4, day = 7, month = 8, year = 9, status_a = 10, status_b = 11 };
constexpr u8 update_in_progress = 0x80, binary_mode = 0x04, mode_24_hours = 0x02, afternoon = 0x80;

u8 get(Register reg) {
    cpu::outb(0x70, reg);
    return cpu::inb(0x71);
}

struct Reading {
    u8 seconds, minutes, hours, day, month, year;
    bool operator==(Reading const&) const = default;
};

Reading read_once() {
    for (u32 i = 0; i < 1'000'000 && get(status_a) & update_in_progress; ++i) cpu::pause();
    return {get(seconds), get(minutes), get(hours), get(day), get(month), get(year)};
}

u64 decimal(u8 value, bool binary) { return binary ? value : (value >> 4) * 10u + (value & 0xf); }
}  // namespace

u64 read_seconds() {
    constexpr u32 most_readings = 100;  // of a clock that never says the same twice
    Reading now = read_once();
    for (u32 i = 0; i < most_readings; ++i) {  // not across a tick
        Reading const again = read_once();
        if (again == now) break;
        now = again;
    }
    u8 mode = get(status_b);
    bool binary = mode & binary_mode;
    u64 hour = decimal(now.hours & static_cast<u8>(~afternoon), binary);
    if (!(mode & mode_24_hours)) hour = hour % 12 + (now.hours & afternoon ? 12 : 0);
    u64 two_digits = decimal(now.year, binary);
    u64 full_year = two_digits + (two_digits < 70 ? 2000 : 1900);
    u64 days = days_since_1970(full_year, decimal(now.month, binary), decimal(now.day, binary));
    return ((days * 24 + hour) * 60 + decimal(now.minutes, binary)) * 60 + decimal(now.seconds, binary);
}
}  // namespace hv::rtc

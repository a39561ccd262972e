// SPDX-License-Identifier: MIT
#include "x86/cpu/time.hpp"
#include <algorithm>
#include <atomic>
#include "base/assert.hpp"
#include "base/log.hpp"
#include "core/hal.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/rtc.hpp"

namespace hv::time {
namespace {
constexpr u64 second = 1'000'000'000;
constexpr u64 pit_hz = 1'193'182;
constexpr u16 pit_channel2 = 0x42;
constexpr u16 pit_mode = 0x43;
constexpr u16 pit_gate = 0x61;  // bit 0 opens channel 2's gate, bit 1 is the speaker, bit 5 its output

constinit u64 tsc_start = 0;  // when time 0 was
constinit u64 tsc_hz = 0;
constinit u64 apic_hz = 0;
constinit hal::TscScale tsc_to_ns{};
constinit std::atomic<u64> wall_start{0};

struct Sample {
    u64 tsc;
    u64 apic;
    u64 doubt;  // TSC ticks during which the PIT may have started, and ended
};

// Lets channel 2 count down from `ticks` once and counts both clocks meanwhile.
Sample measure(u16 ticks) {
    u8 gate = cpu::inb(pit_gate);
    cpu::outb(pit_gate, static_cast<u8>((gate & ~2) | 1));
    cpu::outb(pit_mode, 0xb0);  // channel 2, low then high byte, mode 0: its output rises at the end
    cpu::outb(pit_channel2, static_cast<u8>(ticks));
    u64 before_start = cpu::rdtsc();
    cpu::outb(pit_channel2, static_cast<u8>(ticks >> 8));
    apic::start_timer(~0u);
    u64 start = cpu::rdtsc();
    u64 before_end = start;
    for (u64 polls = 0; !(cpu::inb(pit_gate) & 0x20); ++polls) {
        if (polls > 100'000'000) panic("the PIT does not count: no way to measure time");
        before_end = cpu::rdtsc();
    }
    u64 left = apic::timer_count();
    u64 end = cpu::rdtsc();
    apic::start_timer(0);
    cpu::outb(pit_gate, gate);
    return {.tsc = end - start, .apic = ~u32{0} - left, .doubt = (start - before_start) + (end - before_end)};
}

// With the multiplier's top bit set, for precision.
hal::TscScale scale_of(u64 hz) {
    hal::TscScale result{};
    u64 rate = hz;
    for (; rate > 2 * second; rate >>= 1) --result.shift;
    for (; rate <= second; rate <<= 1) ++result.shift;
    result.multiplier = static_cast<u32>(std::min<u64>((second << 32) / rate, ~u32{0}));
    return result;
}

u64 tsc_at(Time time) { return tsc_start + time / second * tsc_hz + time % second * tsc_hz / second; }
}  // namespace

void calibrate() {
    tsc_start = cpu::rdtsc();
    // An SMI or a busy host may get between the PIT and us at either end of a run; that run is not worth much.
    constexpr u16 ticks = static_cast<u16>(pit_hz / 100);  // 10 ms
    constexpr u64 good_enough = 2000, runs = 20;
    Sample best = measure(ticks);
    for (u64 i = 1; i < runs && best.doubt > best.tsc / good_enough; ++i) {
        Sample next = measure(ticks);
        if (next.doubt < best.doubt) best = next;
    }
    tsc_hz = best.tsc * pit_hz / ticks;
    apic_hz = best.apic * pit_hz / ticks;
    tsc_to_ns = scale_of(tsc_hz);
    wall_start = rtc::read_seconds() * second - hal::now();
    this_cpu().deadline_tsc = ~u64{0};
    log::info("time: TSC at {} kHz, give or take {}, APIC timer at {} kHz", tsc_hz / 1000,
              best.doubt * pit_hz / ticks / 1000, apic_hz / 1000);
}

namespace {
constinit std::atomic<u32> question{0}, answer{0};
constinit std::atomic<u64> offered_tsc{0};
}  // namespace

void offer_clock() {
    u32 asked = question.load(std::memory_order_acquire);
    if (asked == answer.load(std::memory_order_relaxed)) return cpu::pause();
    offered_tsc.store(cpu::rdtsc(), std::memory_order_relaxed);
    answer.store(asked, std::memory_order_release);
}

// The quickest of the answers counts, and a difference that it can explain by its own delay is none.
void follow_clock() {
    u64 delay = ~u64{0};
    i64 behind = 0;
    for (u32 round = 0; round < 16; ++round) {
        u64 start = cpu::rdtsc();
        u32 asked = question.fetch_add(1, std::memory_order_acq_rel) + 1;
        while (answer.load(std::memory_order_acquire) != asked) cpu::pause();
        u64 end = cpu::rdtsc();
        if (end - start >= delay) continue;
        delay = end - start;
        behind = static_cast<i64>(offered_tsc.load(std::memory_order_relaxed) - start - delay / 2);
    }
    u64 difference = static_cast<u64>(behind < 0 ? -behind : behind);
    if (difference <= delay) return;
    log::warn("cpu {}: its clock is {} ticks {}, corrected", this_cpu().id, difference,
              behind < 0 ? "ahead" : "behind");
    msr::write(msr::tsc, cpu::rdtsc() + static_cast<u64>(behind));
}

bool deadline_passed() { return cpu::rdtsc() >= this_cpu().deadline_tsc; }
}  // namespace hv::time

namespace hv::hal {
using namespace time;

Time time_at(u64 tsc) {
    u64 delta = tsc - tsc_start;
    delta = tsc_to_ns.shift < 0 ? delta >> -tsc_to_ns.shift : delta << tsc_to_ns.shift;
    return static_cast<u64>(static_cast<unsigned __int128>(delta) * tsc_to_ns.multiplier >> 32);
}

// Between two such moments lie a multiple of 2^32 of what is multiplied.
u64 latest_whole_tsc() {
    u64 const distance = u64{1} << (32 + std::max(0, -tsc_to_ns.shift));
    return tsc_start + ((cpu::rdtsc() - tsc_start) & ~(distance - 1));
}

Time now() { return time_at(cpu::rdtsc()); }
u64 read_tsc() { return cpu::rdtsc(); }
TscScale tsc_scale() { return tsc_to_ns; }
u64 tsc_khz() { return tsc_hz / 1000; }
bool tsc_is_stable() { return features::has_stable_tsc(); }

// Far deadlines are cut to what the counter holds: the timer then fires early, and whoever handles it arms it again.
void set_deadline(Time deadline) {
    u64& deadline_tsc = hv::this_cpu().deadline_tsc;
    if (deadline == ~u64{0}) {
        deadline_tsc = ~u64{0};
        return apic::start_timer(0);
    }
    u64 start = now();
    u64 wait = deadline > start ? std::min(deadline - start, 4 * second) : 0;
    deadline_tsc = tsc_at(start + wait);
    apic::start_timer(static_cast<u32>(std::min<u64>(wait * apic_hz / second + 1, ~u32{0})));
}

u64 wall_clock_at_start() { return wall_start.load(std::memory_order_relaxed); }
void set_wall_clock_at_start(u64 ns) { wall_start.store(ns, std::memory_order_relaxed); }
}  // namespace hv::hal

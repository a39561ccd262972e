// SPDX-License-Identifier: MIT
#include "x86/cpu/time.hpp"
#include <algorithm>
#include <atomic>
#include "base/assert.hpp"
#include "base/log.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/sched/timer.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/calibrate.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/mm/paging.hpp"

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

namespace hv::time {
namespace {
constexpr u64 second = 1'000'000'000;

constinit u64 tsc_start = 0;  // when time 0 was
constinit u64 tsc_hz = 0;
constinit u64 apic_hz = 0;
constinit hal::TscScale tsc_to_ns{};
constinit std::atomic<u64> wall_start{0};

// The machine's clocks beside each other: how fast the TSC and the local APIC's timer run. By the PIT; by the ACPI
// timer or the HPET where that one is absent or the machine too busy. What is still in doubt is logged.
struct TscSpeed {
    u64 hz, doubt;
    char const* clock;  // that it was measured by
};
struct Ports {
    static u64 tsc() { return cpu::rdtsc(); }
    static u8 inb(u16 port) { return cpu::inb(port); }
    static void outb(u16 port, u8 value) { cpu::outb(port, value); }
};

// One that always counts up and wraps.
struct Reference {
    char const* name;
    u64 hz, mask;
    u64 (*count)();
    static u64 tsc() { return cpu::rdtsc(); }
};
constexpr u64 hpet_period = 0x004, hpet_configuration = 0x010, hpet_main_counter = 0x0f0;
constinit u64 hpet_window = 0;
u32 volatile& hpet_register(u64 offset) { return *reinterpret_cast<u32 volatile*>(hpet_window + offset); }

// Of the ACPI timer some have 32 bits; the others are not worth asking. Of the HPET's main counter (IA-PC HPET
// specification 1.0a) it is the lower half, which is read at once.
constinit Reference acpi_timer{"ACPI timer", 3'579'545, 0xff'ffff, [] { return u64{cpu::inl(acpi::machine.timer)}; }};
constinit Reference hpet{"HPET", 0, ~u32{0}, [] { return u64{hpet_register(hpet_main_counter)}; }};

bool start_hpet() {  // if there is one: maps it and lets it count; once or oftener
    constexpr u64 femtoseconds = 1'000'000'000'000'000;
    constexpr u32 enable = 1u << 0, longest_period = 0x05f5'e100;  // by the specification: anything else is no HPET
    if (hpet.hz) return true;
    if (acpi::machine.hpet == Maddr{0}) return false;
    hpet_window = paging::map_device(acpi::machine.hpet, page_size);
    u32 const one_tick = hpet_register(hpet_period);
    if (!one_tick || one_tick > longest_period) return false;
    hpet_register(hpet_configuration) = hpet_register(hpet_configuration) | enable;
    hpet.hz = femtoseconds / one_tick;
    return true;
}

// Counts down once, at a speed to be found: how far a run has come, the TSC says.
struct ApicTimer {
    static constexpr bool may_wrap = false;
    u64 distance_wanted, longest;

    static void begin() { apic::start_timer(~u32{0}); }
    static std::optional<Pair> read() {
        u64 const before = cpu::rdtsc();
        u32 const left = apic::timer_count();
        u64 const after = cpu::rdtsc();
        return left ? std::optional{Pair{before, after, ~left}} : std::nullopt;
    }
    static u64 distance(Pair const& first, Pair const& now) { return now.before - first.after; }
};

// Nothing is as exact about the speed as to be believed before a measurement, but a difference is worth a look.
u64 speed_by_cpuid() {
    constexpr u32 outer_timing = 0x4000'0010, crystal = 0x15, processor_mhz = 0x16;
    constexpr u32 in_virtual_machine = 1u << 31;
    if (cpu::cpuid(1).ecx & in_virtual_machine)
        if (u32 const last = cpu::cpuid(0x4000'0000).eax; last >= outer_timing && last < 0x4000'0100)
            if (u64 const khz = cpu::cpuid(outer_timing).eax) return khz * 1000;
    u32 const last = cpu::cpuid(0).eax;
    if (last >= crystal)
        if (auto [of, by, hz, reserved] = cpu::cpuid(crystal); of && by && hz) return u64{hz} * by / of;
    return last >= processor_mhz ? u64{cpu::cpuid(processor_mhz).eax & 0xffff} * 1'000'000 : 0;
}

u64 distance(u64 one, u64 other) { return std::max(one, other) - std::min(one, other); }

void compare_with_cpuid(TscSpeed const& speed) {
    u64 const claimed = speed_by_cpuid();
    if (claimed && distance(claimed, speed.hz) > speed.hz / 100 + speed.doubt)
        log::warn("time: CPUID says that the TSC runs at {} kHz; by the {} it is {}", claimed / 1000, speed.clock,
                  speed.hz / 1000);
}

template <class Clock>
void try_clock(TscSpeed& best, Clock&& clock, char const* name) {
    std::optional<Span> const span = measure(clock);
    if (!span) return log::warn("time: the {} does not count", name);
    TscSpeed const speed{.hz = span->tsc_hz(clock.hz),
                         .doubt = Span{.tsc = span->doubt, .ticks = span->ticks, .doubt = 0}.tsc_hz(clock.hz),
                         .clock = name};
    if (!best.hz || speed.doubt < best.doubt) best = speed;
}

void try_reference(TscSpeed& best, Reference& clock) {
    try_clock(best, Counter<Reference>(clock, clock.hz, clock.mask), clock.name);
}

bool is_sure(TscSpeed const& speed) { return speed.hz && speed.doubt <= speed.hz / 1'000'000 * most_doubt; }

// For the rest of the time: read only, so that whatever dom0 does with ports the clock still counts.
struct Watch {
    Timer timer{};
    ClockWatch watch{0, 0};
    Reference* clock = nullptr;
};
constinit Watch watched{};

Pair narrow_pair() {
    Counter<Reference> clock(*watched.clock, watched.clock->hz, watched.clock->mask);
    Pair best = clock.read_once();
    for (u32 i = 0; i < 8 && best.width() > tsc_hz / 50'000; ++i)
        if (Pair const next = clock.read_once(); next.width() < best.width()) best = next;
    return best;
}

void look_at_clock(void*) {
    constexpr Time interval = 2'000'000'000;
    watched.timer.arm(hal::now() + interval, hal::this_cpu());
    std::optional<Span> const minute = watched.watch.add(narrow_pair());
    if (!minute) return;
    u64 const hz = minute->tsc_hz(watched.clock->hz), difference = distance(hz, tsc_hz);
    if (difference <= tsc_hz / 1'000'000 * (most_doubt + minute->doubt_in_millionths())) return;
    log::warn("time: the TSC ran at {} kHz over a minute of the {}, and not at {}: time is wrong by {} in a million",
              hz / 1000, watched.clock->name, tsc_hz / 1000, difference / (tsc_hz / 1'000'000));
    watched.timer.disarm();
}

TscSpeed measure_tsc() {
    TscSpeed best{};
    Ports ports;
    try_clock(best, Pit<Ports>(ports), "PIT");
    if (!is_sure(best) && acpi::machine.timer) try_reference(best, acpi_timer);
    if (!is_sure(best) && start_hpet()) try_reference(best, hpet);
    if (!best.hz) panic("neither a PIT nor an ACPI timer nor a HPET counts: no way to measure time");
    if (!is_sure(best))
        log::warn("time: this machine is too busy to measure time: the TSC's frequency is in doubt by {} in a million",
                  best.doubt / (best.hz / 1'000'000));
    compare_with_cpuid(best);
    return best;
}

u64 measure_apic_timer() {  // this CPU's
    ApicTimer timer{.distance_wanted = tsc_hz / 200, .longest = tsc_hz / 4};
    std::optional<Span> const span = measure(timer);
    apic::start_timer(0);
    if (!span) panic("the local APIC's timer does not count");
    if (span->doubt_in_millionths() > most_doubt)
        log::warn("time: the APIC timer's frequency is in doubt by {} in a million", span->doubt_in_millionths());
    return span->clock_hz(tsc_hz);
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

// The battery clock's second began before it was read: how long, it does not tell. We add nothing to that by a stop
// between the two readings.
u64 read_wall_clock() {
    constexpr Time soon = second / 100;
    u64 start = 0;
    for (u32 i = 0; i < 20; ++i) {
        Time const before = hal::now();
        start = rtc::read_seconds() * second - before;
        if (hal::now() - before < soon) break;
    }
    return start;
}

u64 tsc_at(Time time) { return tsc_start + time / second * tsc_hz + time % second * tsc_hz / second; }

constinit std::atomic<u32> question{0}, answer{0};
constinit std::atomic<u64> offered_tsc{0};

// In a virtual machine PAUSE may give the CPU away. Only who has waited for a while does so.
u32 wait_for_change(std::atomic<u32> const& of, u32 from) {
    constexpr u32 looks_before_pause = 200;
    for (u32 i = 0; i < looks_before_pause; ++i)
        if (u32 const value = of.load(std::memory_order_acquire); value != from) return value;
    cpu::pause();
    return from;
}
struct Difference {
    i64 behind;
    u64 delay;  // of the quickest answer: what the difference cannot be told by
    u64 size() const { return static_cast<u64>(behind < 0 ? -behind : behind); }
};

// A host with other work may stop either side within a round: it goes on until both ran at once for a moment, and the
// answer was quick.
Difference ask_boot_cpu() {
    constexpr u32 rounds = 16, most_rounds = 20'000, most_seconds = 2;
    u64 const quick = tsc_hz / 50'000, begin = cpu::rdtsc();
    auto goes_on = [&](u32 round, u64 delay) {
        return round < rounds || (delay > quick && round < most_rounds && cpu::rdtsc() - begin < most_seconds * tsc_hz);
    };
    Difference best{.behind = 0, .delay = ~u64{0}};
    for (u32 round = 0; goes_on(round, best.delay); ++round) {
        u64 start = cpu::rdtsc();
        u32 asked = question.fetch_add(1, std::memory_order_acq_rel) + 1;
        while (wait_for_change(answer, asked - 1) != asked) {}
        u64 const delay = cpu::rdtsc() - start;
        if (delay >= best.delay) continue;
        best = {.behind = static_cast<i64>(offered_tsc.load(std::memory_order_relaxed) - start - delay / 2),
                .delay = delay};
    }
    return best;
}
}  // namespace

void calibrate() {
    tsc_start = cpu::rdtsc();
    TscSpeed const speed = measure_tsc();
    tsc_hz = speed.hz;
    apic_hz = measure_apic_timer();
    tsc_to_ns = scale_of(tsc_hz);
    this_cpu().deadline_tsc = ~u64{0};
    log::info("time: TSC at {} kHz, give or take {}, APIC timer at {} kHz, by the {}", tsc_hz / 1000,
              (speed.doubt + 999) / 1000, apic_hz / 1000, speed.clock);
    wall_start = read_wall_clock();
}

void offer_clock() {
    u32 const last = answer.load(std::memory_order_relaxed);
    u32 const asked = wait_for_change(question, last);
    if (asked == last) return;
    offered_tsc.store(cpu::rdtsc(), std::memory_order_relaxed);
    answer.store(asked, std::memory_order_release);
}

// A difference that the answer's own delay can explain is none. The correction is looked at as well: between the two
// instructions that make it, time may have passed.
void follow_clock() {
    constexpr u32 most_corrections = 20;
    Difference found = ask_boot_cpu();
    Difference const first = found;
    for (u32 i = 0; found.size() > found.delay; ++i) {
        if (i == most_corrections)
            return log::error("cpu {}: its clock is {} ticks {} and cannot be set", this_cpu().id, found.size(),
                              found.behind < 0 ? "ahead" : "behind");
        msr::write(msr::tsc, cpu::rdtsc() + static_cast<u64>(found.behind));
        found = ask_boot_cpu();
    }
    if (first.size() > first.delay)
        log::warn("cpu {}: its clock was {} ticks {}, corrected", this_cpu().id, first.size(),
                  first.behind < 0 ? "ahead" : "behind");
    if (found.delay > tsc_hz / 1000)
        log::warn("cpu {}: its clock may be {} us off: this machine is busy", this_cpu().id,
                  found.delay / (tsc_hz / 1'000'000));
}

void watch() {
    if (!acpi::machine.timer && !start_hpet()) return log::info("time: no clock to compare the TSC with later");
    watched.clock = acpi::machine.timer ? &acpi_timer : &hpet;
    watched.watch = ClockWatch(tsc_hz, watched.clock->mask);
    watched.timer.callback = look_at_clock;
    watched.timer.arm(hal::now(), hal::this_cpu());
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
bool tsc_is_stable() { return features::found.stable_tsc; }

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

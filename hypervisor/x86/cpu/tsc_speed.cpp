// SPDX-License-Identifier: MIT
#include <algorithm>
#include "base/assert.hpp"
#include "base/log.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/sched/timer.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/calibrate.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/time.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/mm/paging.hpp"

namespace hv::time {
namespace {
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
    u64 tsc_hz = 0;
};
constinit Watch watched{};

Pair narrow_pair() {
    Counter<Reference> clock(*watched.clock, watched.clock->hz, watched.clock->mask);
    Pair best = clock.read_once();
    for (u32 i = 0; i < 8 && best.width() > watched.tsc_hz / 50'000; ++i)
        if (Pair const next = clock.read_once(); next.width() < best.width()) best = next;
    return best;
}

void look_at_clock(void*) {
    constexpr Time interval = 2'000'000'000;
    watched.timer.arm(hal::now() + interval, hal::this_cpu());
    std::optional<Span> const minute = watched.watch.add(narrow_pair());
    if (!minute) return;
    u64 const hz = minute->tsc_hz(watched.clock->hz), difference = distance(hz, watched.tsc_hz);
    if (difference <= watched.tsc_hz / 1'000'000 * (most_doubt + minute->doubt_in_millionths())) return;
    log::warn("time: the TSC ran at {} kHz over a minute of the {}, and not at {}: time is wrong by {} in a million",
              hz / 1000, watched.clock->name, watched.tsc_hz / 1000, difference / (watched.tsc_hz / 1'000'000));
    watched.timer.disarm();
}
}  // namespace

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
    watched.tsc_hz = best.hz;
    return best;
}

u64 measure_apic_timer(u64 tsc_hz) {
    ApicTimer timer{.distance_wanted = tsc_hz / 200, .longest = tsc_hz / 4};
    std::optional<Span> const span = measure(timer);
    apic::start_timer(0);
    if (!span) panic("the local APIC's timer does not count");
    if (span->doubt_in_millionths() > most_doubt)
        log::warn("time: the APIC timer's frequency is in doubt by {} in a million", span->doubt_in_millionths());
    return span->clock_hz(tsc_hz);
}

void watch() {
    if (!acpi::machine.timer && !start_hpet()) return log::info("time: no clock to compare the TSC with later");
    watched.clock = acpi::machine.timer ? &acpi_timer : &hpet;
    watched.watch = ClockWatch(watched.tsc_hz, watched.clock->mask);
    watched.timer.callback = look_at_clock;
    watched.timer.arm(hal::now(), hal::this_cpu());
}
}  // namespace hv::time

// SPDX-License-Identifier: MIT
// A machine that stops the hypervisor between any two of its steps, for as long as it likes.
#include "x86/cpu/calibrate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "x86/cpu/calibrate.hpp"

namespace hv::time {
namespace {
constexpr double pit_hz = 1'193'182, acpi_hz = 3'579'545;

// An 8254's second channel in mode 0, an ACPI timer and a TSC, driven by the time that their own readings take.
class Machine {
public:
    double tsc_hz = 2'345'678'901, tsc_start = 1e12;
    double now = 0;                                     // seconds
    std::function<double()> stop = [] { return 0.0; };  // before each step
    bool has_pit = true;

    u64 tsc() {
        step(20e-9);
        return static_cast<u64>(tsc_start + now * tsc_hz);
    }
    void outb(u16 port, u8 value) {
        step(300e-9);
        if (port == 0x61) gate_ = value;
        if (port == 0x43 && value == 0xb0) written_ = 0, loaded_ = -1, latched_ = 0;
        if (port == 0x42 && ++written_ == 2) loaded_ = now;
        if (port == 0x43 && value == 0xc8) {
            double const ticks = std::floor((now - loaded_) * pit_hz);
            status_ = static_cast<u8>(0x30 | (ticks < 1 ? 0x40 : 0) | (ticks >= 65536 ? 0x80 : 0));
            count_ = static_cast<u16>(0 - static_cast<u64>(ticks));
            latched_ = 3;
        }
        after(300e-9);
    }
    u8 inb(u16 port) {
        step(600e-9);
        if (port == 0x61) return gate_;
        if (!has_pit) return 0xff;
        EXPECT_EQ(gate_ & 3, 1);
        EXPECT_GT(latched_, 0);
        --latched_;
        return latched_ == 2 ? status_ : latched_ == 1 ? static_cast<u8>(count_) : static_cast<u8>(count_ >> 8);
    }
    u64 count() {  // of the ACPI timer
        step(600e-9);
        u64 const value = static_cast<u64>(now * acpi_hz + 12345) & 0xff'ffff;
        after(300e-9);
        return acpi_counts ? value : 77;
    }
    bool acpi_counts = true;
    u8 gate() const { return gate_; }

private:
    void step(double seconds) { now += stop() + seconds; }
    void after(double seconds) { now += seconds; }

    u8 gate_ = 0x0c, status_ = 0;
    int written_ = 0, latched_ = 0;
    u16 count_ = 0;
    double loaded_ = -1;
};

// Steps until the next stop, and how long that is.
struct Host {
    char const* name;
    double run, stop;  // seconds, on average
};
std::ostream& operator<<(std::ostream& out, Host const& host) { return out << host.name; }

std::function<double()> busy(Machine& machine, Host host, u32 seed) {
    auto random = std::make_shared<std::mt19937>(seed);
    auto next = std::make_shared<double>(0);
    return [=, &machine] {
        if (machine.now < *next) return 0.0;
        double const stopped = std::exponential_distribution<double>{1 / host.stop}(*random);
        *next = machine.now + stopped + std::exponential_distribution<double>{1 / host.run}(*random);
        return stopped;
    };
}

void expect_within_doubt(Machine const& machine, std::optional<Span> const& span, double hz) {
    ASSERT_TRUE(span);
    double const truth = static_cast<double>(span->ticks) / hz * machine.tsc_hz;
    EXPECT_LE(std::abs(static_cast<double>(span->tsc) - truth), static_cast<double>(span->doubt));
}

class BusyCalibration : public testing::TestWithParam<Host> {};
INSTANTIATE_TEST_SUITE_P(, BusyCalibration,
                         testing::Values(Host{"idle", 1e9, 1e-9}, Host{"often_and_short", 1e-3, 1e-3},
                                         Host{"load_of_9", 3e-3, 24e-3}, Host{"load_of_20", 3e-3, 60e-3},
                                         Host{"load_of_40", 4e-3, 160e-3}, Host{"rarely_and_long", 0.5, 2}),
                         [](auto const& info) { return info.param.name; });

TEST_P(BusyCalibration, IsWithinItsDoubtWhichIsSmall) {
    for (u32 seed = 0; seed < 100; ++seed) {
        Machine machine;
        machine.stop = busy(machine, GetParam(), seed);
        {
            Pit<Machine> pit(machine);
            std::optional<Span> const span = measure(pit);
            expect_within_doubt(machine, span, pit_hz);
            EXPECT_LE(span->doubt_in_millionths(), most_doubt);
        }
        EXPECT_EQ(machine.gate(), 0x0c) << "the speaker's gate is as it was";
        Counter<Machine> timer(machine, static_cast<u64>(acpi_hz), 0xff'ffff);
        std::optional<Span> const span = measure(timer);
        expect_within_doubt(machine, span, acpi_hz);
        EXPECT_LE(span->doubt_in_millionths(), most_doubt);
    }
}

// At its beginning and at its end, that is.
TEST(Calibration, AStopAtAnyStepDoesNotMatter) {
    auto steps_with = [](u32 at, double length) {
        Machine machine;
        u32 steps = 0;
        machine.stop = [&] { return ++steps == at ? length : 0.0; };
        Pit<Machine> pit(machine);
        std::optional<Span> const span = measure(pit);
        expect_within_doubt(machine, span, pit_hz);
        EXPECT_LE(span->doubt_in_millionths(), little_doubt);
        return steps;
    };
    u32 const steps = steps_with(0, 0);
    for (double length : {1e-3, 54.9e-3, 4.8})
        for (u32 i = 1; i < 80; ++i) {
            steps_with(i, length);
            steps_with(steps - i, length);
        }
}

// Two narrow pairs are never had: what is said is the doubt, not a wrong speed.
TEST(Calibration, SaysItsDoubtWhereEachReadingIsInterrupted) {
    Machine machine;
    machine.stop = [] { return 50e-6; };
    Pit<Machine> pit(machine);
    std::optional<Span> const span = measure(pit);
    expect_within_doubt(machine, span, pit_hz);
    EXPECT_GT(span->doubt_in_millionths(), most_doubt);
}

TEST(Calibration, EndsWithoutAClock) {
    Machine machine;
    machine.has_pit = machine.acpi_counts = false;
    Pit<Machine> pit(machine);
    EXPECT_FALSE(measure(pit));
    Counter<Machine> timer(machine, static_cast<u64>(acpi_hz), 0xff'ffff);
    EXPECT_FALSE(measure(timer));
}

// The ACPI timer wraps after 4.7 s.
TEST(Calibration, AWrapThatWentUnnoticedIsFound) {
    Machine machine;
    u32 steps = 0;
    machine.stop = [&] { return steps++ == 200 ? 4.7 : 0.0; };
    Counter<Machine> timer(machine, static_cast<u64>(acpi_hz), 0xff'ffff);
    expect_within_doubt(machine, measure(timer), acpi_hz);
}

// --- later
class Watching : public testing::Test {
protected:
    Machine machine;

    // The ppm by which the first whole minute differs, the watch being told that the TSC runs at `told`.
    std::optional<double> minute(double told, std::function<double(u32)> const& interval, u32 looks = 100) {
        Counter<Machine> timer(machine, static_cast<u64>(acpi_hz), 0xff'ffff);
        ClockWatch watch(static_cast<u64>(told), 0xff'ffff);
        for (u32 i = 0; i < looks; ++i) {
            if (std::optional<Span> const span = watch.add(timer.read_once()))
                return (static_cast<double>(span->tsc_hz(static_cast<u64>(acpi_hz))) / told - 1) * 1e6;
            machine.now += interval(i);
        }
        return std::nullopt;
    }
};

TEST_F(Watching, AMinuteIsExactOverTheClocksWraps) {
    std::optional<double> const off = minute(machine.tsc_hz, [](u32) { return 2.0; });
    ASSERT_TRUE(off);
    EXPECT_LE(std::abs(*off), 1);
}

// Ten times too fast, it looks so seldom that the clock wraps unseen: what it finds then is wrong, and far off.
TEST_F(Watching, AWrongSpeedIsSeen) {
    for (double factor : {0.5, 0.99, 0.998, 1.002, 1.3, 10.0}) {
        std::optional<double> const off = minute(machine.tsc_hz * factor, [=](u32) { return 2.0 * factor; });
        ASSERT_TRUE(off) << factor;
        EXPECT_GT(std::abs(*off), 1500) << factor;
    }
}

TEST_F(Watching, ALateLookBeginsTheMinuteAnew) {
    std::optional<double> const off = minute(machine.tsc_hz, [](u32 i) { return i == 20 ? 6.0 : 2.0; });
    ASSERT_TRUE(off);
    EXPECT_LE(std::abs(*off), 1);
    EXPECT_GT(machine.now, 100);
}

TEST_F(Watching, AClockThatWasStoppedSaysNothing) {
    machine.acpi_counts = false;
    EXPECT_FALSE(minute(machine.tsc_hz, [](u32) { return 2.0; }));
}
}  // namespace
}  // namespace hv::time

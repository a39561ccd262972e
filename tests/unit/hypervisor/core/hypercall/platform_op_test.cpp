// SPDX-License-Identifier: MIT
#include "core/hal/cpu.hpp"
#include "public/platform.hpp"

#include <algorithm>

#include "hosted/world.hpp"
#include "public/hypercall.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
i64 platform_op(Guest& guest, u32 command, abi::PlatformOp& op) {
    op.cmd = command;
    op.interface_version = abi::platform_interface_version;
    i64 const result = guest.call(abi::hypercall::platform_op, {guest.put(op)});
    op = guest.take<abi::PlatformOp>();
    return result;
}

TEST(PlatformOp, IsDom0sOnly) {
    World world;
    abi::PlatformOp op{};
    EXPECT_EQ(platform_op(world.add_guest(), abi::platformop::get_cpuinfo, op), err(Errno::perm));
    op = {.cmd = 55, .interface_version = 3, .u = {}};
    EXPECT_EQ(world.dom0().call(abi::hypercall::platform_op, {world.dom0().put(op)}), err(Errno::acces));
}

TEST(PlatformOp, CpusAreCountedUpToTheLast) {
    World world;
    abi::PlatformOp op{};
    op.u.pcpu_info.xen_cpuid = 3;
    EXPECT_EQ(platform_op(world.dom0(), abi::platformop::get_cpuinfo, op), 0);
    EXPECT_EQ(op.u.pcpu_info.max_present, 3u);
    EXPECT_EQ(op.u.pcpu_info.flags, abi::pcpu::online);
    op.u.pcpu_info.xen_cpuid = 4;
    EXPECT_EQ(platform_op(world.dom0(), abi::platformop::get_cpuinfo, op), 0);
    EXPECT_EQ(op.u.pcpu_info.flags, abi::pcpu::invalid);
}

TEST(PlatformOp, FirmwareHasNothingToTell) {
    World world;
    auto ask = [&](u32 type) {
        abi::PlatformOp op{};
        op.u.firmware_info.type = type;
        return platform_op(world.dom0(), abi::platformop::firmware_info, op);
    };
    EXPECT_EQ(ask(abi::firmware::disk_info), err(Errno::srch));
    EXPECT_EQ(ask(abi::firmware::disk_mbr_signature), err(Errno::srch));
    EXPECT_EQ(ask(abi::firmware::efi_info), err(Errno::inval));
    EXPECT_EQ(ask(abi::firmware::kbd_shift_flags), 0);
}

// ACPI is told of no abilities: they are the third word of the buffer.
TEST(PlatformOp, PowerStatesAreLeftToTheFirmware) {
    World world;
    u32* const buffer = reinterpret_cast<u32*>(world.dom0().frame(20));
    auto tell = [&](u32 type, u64 address) {
        std::fill_n(buffer, 4, 0x55u);
        abi::PlatformOp op{};
        op.u.set_pminfo = {.id = 0, .type = type, .pdc = {address}};
        return platform_op(world.dom0(), abi::platformop::set_processor_pminfo, op);
    };
    EXPECT_EQ(tell(abi::PlatformSetPminfo::pdc_type, Guest::va(20)), 0);
    for (u32 i = 0; i < 4; ++i) EXPECT_EQ(buffer[i], i == 2 ? 0u : 0x55u) << i;
    EXPECT_EQ(tell(abi::PlatformSetPminfo::pdc_type, 0x1000), err(Errno::fault));
    EXPECT_EQ(tell(0, Guest::va(20)), 0);
    EXPECT_EQ(buffer[2], 0x55u) << "of idle states nothing is asked";
    EXPECT_EQ(tell(abi::PlatformSetPminfo::pdc_type + 1, Guest::va(20)), err(Errno::inval));
}

// The call tells how many entries were done, and the first that was not has its error in itself.
TEST(PlatformOp, OfTheRegistersOfACpuTheTimeCanBeRead) {
    World world;
    using Entry = abi::PlatformResourceEntry;
    constexpr u64 time_stamp_counter = 0x10, tsx_control = 0x122;
    auto* const entries = reinterpret_cast<Entry*>(world.dom0().frame(20));
    auto ask = [&](u32 count, u32 cpu = 0, u64 address = Guest::va(20)) {
        abi::PlatformOp op{};
        op.u.resource_op = {.nr_entries = count, .cpu = cpu, .entries = {address}};
        return platform_op(world.dom0(), abi::platformop::resource_op, op);
    };
    auto entry = [](u32 command, u64 index, u32 reserved = 0) {
        return Entry{.u = {.cmd = command}, .rsvd = reserved, .idx = index, .val = 7};
    };
    EXPECT_EQ(ask(0), 0);
    EXPECT_EQ(ask(4), err(Errno::inval));
    EXPECT_EQ(ask(1, 0, 0x1000), err(Errno::fault));

    world.machine().time = 123'456'789;
    entries[0] = entries[1] = entry(abi::resource_op::msr_read, time_stamp_counter);
    EXPECT_EQ(ask(2), 2);
    EXPECT_EQ(entries[0].val, 123'456'789u);
    EXPECT_EQ(entries[0].u.ret, 0);
    EXPECT_EQ(entries[1].val, 123'456'789u);
    EXPECT_EQ(ask(1, hal::online_cpus()), err(Errno::nodev));

    struct Refused {
        Entry entry;
        Errno why;
    };
    Refused const all[] = {{entry(abi::resource_op::msr_read, tsx_control), Errno::perm},
                           {entry(abi::resource_op::msr_write, time_stamp_counter), Errno::perm},
                           {entry(abi::resource_op::msr_read, time_stamp_counter, 1), Errno::inval},
                           {entry(abi::resource_op::msr_read, u64{1} << 32 | time_stamp_counter), Errno::inval},
                           {entry(2, time_stamp_counter), Errno::opnotsupp}};
    for (Refused const& refused : all) {
        entries[0] = refused.entry;
        EXPECT_EQ(ask(1, hal::online_cpus()), 0) << "no CPU is needed for it";
        EXPECT_EQ(entries[0].u.ret, err(refused.why));
        entries[0] = entries[2] = entry(abi::resource_op::msr_read, time_stamp_counter);
        entries[1] = refused.entry;
        EXPECT_EQ(ask(3), 1);
        EXPECT_EQ(entries[1].u.ret, err(refused.why));
        EXPECT_EQ(entries[1].val, 7u);
        EXPECT_EQ(entries[2].val, 7u) << "what comes behind is not done";
    }
}

TEST(PlatformOp, TimesThatCannotBeAreRefused) {
    World world;
    auto set = [&](u64 seconds, u32 nanoseconds, u64 system_time) {
        abi::PlatformOp op{};
        op.u.settime64 = {.secs = seconds, .nsecs = nanoseconds, .mbz = 0, .system_time = system_time};
        return platform_op(world.dom0(), abi::platformop::settime64, op);
    };
    EXPECT_EQ(set(1'700'000'000, 5, 1000), 0);
    EXPECT_EQ(set(1'700'000'000, 1'000'000'000, 0), err(Errno::inval));
    EXPECT_EQ(set(~u64{0}, 0, 0), err(Errno::inval));
    EXPECT_EQ(set(0, 0, 1), err(Errno::inval));
}

TEST(PlatformOp, SleepStatesOtherThanOffAreNotOffered) {
    World world;
    abi::PlatformOp op{};
    op.u.enter_acpi_sleep = {.val_a = 0, .val_b = 0, .sleep_state = 3, .flags = 0};
    EXPECT_EQ(platform_op(world.dom0(), abi::platformop::enter_acpi_sleep, op), err(Errno::opnotsupp));
    op.u.enter_acpi_sleep.sleep_state = 5;
    EXPECT_EQ(platform_op(world.dom0(), abi::platformop::enter_acpi_sleep, op), err(Errno::nodev));
}
}  // namespace
}  // namespace hosted

// SPDX-License-Identifier: MIT
// The platform_op hypercall: dom0's hand on the machine's clock, sleep states and processors.
#include <algorithm>
#include <array>
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/power.hpp"
#include "core/hal/time.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/time/guest_time.hpp"
#include "public/platform.hpp"

namespace hv {
template <>
constexpr bool all_bytes_are_members<abi::PlatformOp> = true;

namespace {
constexpr u64 second = 1'000'000'000;

// `seconds` and `nanoseconds` are UTC at `system_time`.
Errno set_time(u64 seconds, u32 nanoseconds, u64 system_time) {
    if (nanoseconds >= second || seconds > ~u64{0} / second - 1) return Errno::inval;
    u64 const utc = seconds * second + nanoseconds;
    if (system_time > utc) return Errno::inval;
    hal::set_wall_clock_at_start(utc - system_time);
    guest_time::write_all_wall_clocks();
    return Errno::ok;
}

Errno settime64(abi::PlatformSettime64 const& time) {
    return time.mbz ? Errno::inval : set_time(time.secs, time.nsecs, time.system_time);
}

// The BIOS is not asked: dom0 learns that there are no disks, no EFI and no pressed keys, and goes on.
Errno firmware_info(abi::PlatformFirmwareInfo& info) {
    switch (info.type) {
        case abi::firmware::disk_info:
        case abi::firmware::disk_mbr_signature: return Errno::srch;
        case abi::firmware::kbd_shift_flags: info.u.kbd_shift_flags = 0; return Errno::ok;
        default: return Errno::inval;
    }
}

Errno enter_sleep(abi::PlatformEnterAcpiSleep const& sleep) {
    constexpr u32 soft_off = 5;
    if (sleep.flags & abi::acpi_sleep_extended) return Errno::opnotsupp;
    if (sleep.sleep_state != soft_off) return Errno::opnotsupp;  // nothing else is prepared for waking up
    log::info("dom0 powers the machine off");
    return hal::acpi_sleep(sleep.sleep_state, sleep.val_a, sleep.val_b) ? Errno::ok : Errno::nodev;
}

// Power states are left to the firmware. What dom0 knows of them is not needed, and ACPI is told of no abilities: they
// are the third word of a _PDC buffer, after revision and count.
Errno set_pminfo(abi::PlatformSetPminfo const& info) {
    if (info.type > abi::PlatformSetPminfo::pdc_type) return Errno::inval;
    return info.type == abi::PlatformSetPminfo::pdc_type ? copy_out(info.pdc + 2, 0u).error() : Errno::ok;
}

Errno cpu_info(abi::PlatformPcpuinfo& info) {
    u32 const cpus = hal::online_cpus();
    info.max_present = cpus - 1;
    if (info.xen_cpuid >= cpus) {
        info.flags = abi::pcpu::invalid;
        return Errno::ok;
    }
    hal::CpuIds const ids = hal::cpu_ids(info.xen_cpuid);
    info.flags = abi::pcpu::online;
    info.apic_id = ids.apic_id;
    info.acpi_id = ids.acpi_id;
    return Errno::ok;
}

// One register can be read: the time stamp counter, which tells the time since boot. The others are those of abilities
// that no tool is offered.
Errno check_resource(abi::PlatformResourceEntry const& entry) {
    constexpr u64 time_stamp_counter = 0x10;
    if (entry.rsvd) return Errno::inval;
    if (entry.u.cmd > abi::resource_op::msr_write) return Errno::opnotsupp;
    if (entry.idx >> 32) return Errno::inval;
    return entry.u.cmd == abi::resource_op::msr_read && entry.idx == time_stamp_counter ? Errno::ok : Errno::perm;
}

// How many entries were done; the one behind them has its error in itself. The time is the same on all CPUs.
Result<u64> access_resources(abi::PlatformResourceOp const& op) {
    constexpr u32 most_entries = 3;
    if (op.nr_entries > most_entries) return Errno::inval;
    std::array<abi::PlatformResourceEntry, most_entries> entries;
    for (u32 i = 0; i < op.nr_entries; ++i) entries[i] = TRY(copy_in(op.entries + i));
    u32 done = 0;
    for (; done < op.nr_entries; ++done) {
        abi::PlatformResourceEntry& entry = entries[done];
        if (Errno const error = check_resource(entry); error != Errno::ok) {
            entry.u.ret = -static_cast<i32>(error);
            break;
        }
        if (op.cpu >= hal::online_cpus()) return Errno::nodev;
        entry.val = hal::now();
    }
    u32 const told = std::min(done + 1, op.nr_entries);
    for (u32 i = 0; i < told; ++i) TRY(copy_out(op.entries + i, entries[i]));
    return u64{done};
}

Errno perform(abi::PlatformOp& op) {
    switch (op.cmd) {
        case abi::platformop::settime64: return settime64(op.u.settime64);
        case abi::platformop::settime32:
            return set_time(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
        case abi::platformop::firmware_info: return firmware_info(op.u.firmware_info);
        case abi::platformop::enter_acpi_sleep: return enter_sleep(op.u.enter_acpi_sleep);
        case abi::platformop::set_processor_pminfo: return set_pminfo(op.u.set_pminfo);
        case abi::platformop::get_cpuinfo: return cpu_info(op.u.pcpu_info);
        default: return Errno::nosys;
    }
}

Result<u64> answer(Domain&, abi::PlatformOp& op) {
    if (op.interface_version != abi::platform_interface_version) return Errno::acces;
    if (op.cmd == abi::platformop::resource_op) return access_resources(op.u.resource_op);
    if (Errno const error = perform(op); error != Errno::ok) return error;
    return u64{0};
}
}  // namespace

Outcome do_platform_op(Vcpu& vcpu, HypercallArgs& args) {
    if (!vcpu.domain->privileged) return Errno::perm;
    return with_argument<answer>(*vcpu.domain, args[0]);
}
}  // namespace hv

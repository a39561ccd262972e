// SPDX-License-Identifier: MIT
// The platform_op hypercall: dom0's hand on the machine's clock, sleep states and processors.
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/sched/guest_time.hpp"
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
    sched::write_all_wall_clocks();
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
}  // namespace

Outcome do_platform_op(Vcpu& vcpu, HypercallArgs& args) {
    if (!vcpu.domain->privileged) return Errno::perm;
    return with_argument<abi::PlatformOp>(guest_ptr<void>{args[0]}, [](abi::PlatformOp& op) -> Result<u64> {
        if (op.interface_version != abi::platform_interface_version) return Errno::acces;
        if (Errno const error = perform(op); error != Errno::ok) return error;
        return u64{0};
    });
}
}  // namespace hv

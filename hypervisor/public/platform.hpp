// SPDX-License-Identifier: MIT
// platform_op, the part a PV dom0 needs (platform.h).
#pragma once
#include "public/types.hpp"

namespace abi {
inline constexpr u32 platform_interface_version = 0x03000001;

namespace platformop {
enum Command : u32 {
    settime32 = 17,
    add_memtype = 31,
    del_memtype = 32,
    read_memtype = 33,
    microcode_update = 35,
    platform_quirk = 39,
    get_cpu_version = 48,
    efi_runtime_call = 49,
    firmware_info = 50,
    enter_acpi_sleep = 51,
    change_freq = 52,
    getidletime = 53,
    set_processor_pminfo = 54,
    get_cpuinfo = 55,
    cpu_online = 56,
    cpu_offline = 57,
    cpu_hotadd = 58,
    mem_hotadd = 59,
    core_parking = 60,
    resource_op = 61,
    settime64 = 62,
    get_symbol = 63,
};
}  // namespace platformop

struct PlatformSettime32 {
    u32 secs;
    u32 nsecs;
    u64 system_time;
};

struct PlatformSettime64 {
    u64 secs;
    u32 nsecs;
    u32 mbz;
    u64 system_time;
};

namespace firmware {
enum Type : u32 { disk_info = 1, disk_mbr_signature = 2, vbeddc_info = 3, efi_info = 4, kbd_shift_flags = 5 };
}  // namespace firmware

struct PlatformFirmwareInfo {
    u32 type;
    u32 index;
    union {
        u8 kbd_shift_flags;
        u64 raw[4];  // the other answers, none of which we give
    } u;
};
static_assert(sizeof(PlatformFirmwareInfo) == 40);

struct PlatformEnterAcpiSleep {
    u16 val_a;
    u16 val_b;
    u32 sleep_state;
    u32 flags;
};
inline constexpr u32 acpi_sleep_extended = 1;

// Of types cx, px and tx, what dom0 knows of a CPU's power states; of type pdc, an ACPI _PDC buffer to be restricted.
struct PlatformSetPminfo {
    static constexpr u32 pdc_type = 3;
    u32 id;
    u32 type;
    guest_ptr<u32> pdc;
};

namespace pcpu {
inline constexpr u32 online = 1;
inline constexpr u32 invalid = 2;
}  // namespace pcpu

struct PlatformPcpuinfo {
    u32 xen_cpuid;
    u32 max_present;
    u32 flags;
    u32 apic_id;
    u32 acpi_id;
};

struct PlatformPcpuVersion {
    u32 xen_cpuid;
    u32 max_present;
    char vendor_id[12];
    u32 family;
    u32 model;
    u32 stepping;
};

// Registers of one CPU, a list of them. `ret` takes the place of the command in an entry that fails.
namespace resource_op {
enum Command : u32 { msr_read = 0, msr_write = 1 };
}  // namespace resource_op

struct PlatformResourceEntry {
    union {
        u32 cmd;
        i32 ret;
    } u;
    u32 rsvd;
    u64 idx;
    u64 val;
};

struct PlatformResourceOp {
    u32 nr_entries;
    u32 cpu;
    guest_ptr<PlatformResourceEntry> entries;
};

struct PlatformOp {
    u32 cmd;
    u32 interface_version;
    union {
        PlatformSettime32 settime32;
        PlatformSettime64 settime64;
        PlatformFirmwareInfo firmware_info;
        PlatformEnterAcpiSleep enter_acpi_sleep;
        PlatformSetPminfo set_pminfo;
        PlatformPcpuinfo pcpu_info;
        PlatformPcpuVersion pcpu_version;
        PlatformResourceOp resource_op;
        u8 pad[128];
    } u;
};
static_assert(sizeof(PlatformOp) == 136);
}  // namespace abi

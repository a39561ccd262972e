// SPDX-License-Identifier: MIT
#include "public/platform.hpp"

#include <gtest/gtest.h>

#include <xen/platform.h>

#include "compare.hpp"

TEST(AbiPlatform, OperationsAreXens) {
    SAME_VALUE(abi::platformop::settime32, XENPF_settime32);
    SAME_VALUE(abi::platformop::add_memtype, XENPF_add_memtype);
    SAME_VALUE(abi::platformop::del_memtype, XENPF_del_memtype);
    SAME_VALUE(abi::platformop::read_memtype, XENPF_read_memtype);
    SAME_VALUE(abi::platformop::microcode_update, XENPF_microcode_update);
    SAME_VALUE(abi::platformop::platform_quirk, XENPF_platform_quirk);
    SAME_VALUE(abi::platformop::get_cpu_version, XENPF_get_cpu_version);
    SAME_VALUE(abi::platformop::efi_runtime_call, XENPF_efi_runtime_call);
    SAME_VALUE(abi::platformop::firmware_info, XENPF_firmware_info);
    SAME_VALUE(abi::platformop::enter_acpi_sleep, XENPF_enter_acpi_sleep);
    SAME_VALUE(abi::platformop::change_freq, XENPF_change_freq);
    SAME_VALUE(abi::platformop::getidletime, XENPF_getidletime);
    SAME_VALUE(abi::platformop::set_processor_pminfo, XENPF_set_processor_pminfo);
    SAME_VALUE(abi::platformop::get_cpuinfo, XENPF_get_cpuinfo);
    SAME_VALUE(abi::platformop::cpu_online, XENPF_cpu_online);
    SAME_VALUE(abi::platformop::cpu_offline, XENPF_cpu_offline);
    SAME_VALUE(abi::platformop::cpu_hotadd, XENPF_cpu_hotadd);
    SAME_VALUE(abi::platformop::mem_hotadd, XENPF_mem_hotadd);
    SAME_VALUE(abi::platformop::core_parking, XENPF_core_parking);
    SAME_VALUE(abi::platformop::resource_op, XENPF_resource_op);
    SAME_VALUE(abi::platformop::settime64, XENPF_settime64);
    SAME_VALUE(abi::platformop::get_symbol, XENPF_get_symbol);
    SAME_VALUE(abi::platform_interface_version, XENPF_INTERFACE_VERSION);
    SAME_VALUE(abi::acpi_sleep_extended, XENPF_ACPI_SLEEP_EXTENDED);
    SAME_VALUE(abi::pcpu::online, XEN_PCPU_FLAGS_ONLINE);
    SAME_VALUE(abi::pcpu::invalid, XEN_PCPU_FLAGS_INVALID);
    SAME_VALUE(abi::resource_op::msr_read, XEN_RESOURCE_OP_MSR_READ);
    SAME_VALUE(abi::resource_op::msr_write, XEN_RESOURCE_OP_MSR_WRITE);
    SAME_VALUE(abi::firmware::disk_info, XEN_FW_DISK_INFO);
    SAME_VALUE(abi::firmware::disk_mbr_signature, XEN_FW_DISK_MBR_SIGNATURE);
    SAME_VALUE(abi::firmware::vbeddc_info, XEN_FW_VBEDDC_INFO);
    SAME_VALUE(abi::firmware::efi_info, XEN_FW_EFI_INFO);
    SAME_VALUE(abi::firmware::kbd_shift_flags, XEN_FW_KBD_SHIFT_FLAGS);
}

TEST(AbiPlatform, ArgumentsAreXens) {
    SAME(abi::PlatformSettime32, xenpf_settime32, secs, nsecs, system_time)
    SAME(abi::PlatformSettime64, xenpf_settime64, secs, nsecs, mbz, system_time)
    SAME(abi::PlatformFirmwareInfo, xenpf_firmware_info, type, index, u, u.kbd_shift_flags)
    SAME(abi::PlatformEnterAcpiSleep, xenpf_enter_acpi_sleep, val_a, val_b, sleep_state, flags)
    SAME_VALUE(offsetof(abi::PlatformSetPminfo, pdc), offsetof(xenpf_set_processor_pminfo, u.pdc));
    SAME_VALUE(abi::PlatformSetPminfo::pdc_type, XEN_PM_PDC);
    SAME(abi::PlatformPcpuinfo, xenpf_pcpuinfo, xen_cpuid, max_present, flags, apic_id, acpi_id)
    SAME(abi::PlatformPcpuVersion, xenpf_pcpu_version, xen_cpuid, max_present, vendor_id, family, model, stepping)
    SAME(abi::PlatformResourceEntry, xenpf_resource_entry, u, u.cmd, u.ret, rsvd, idx, val)
    SAME(abi::PlatformResourceOp, xenpf_resource_op, nr_entries, cpu, entries)
    SAME(abi::PlatformOp, xen_platform_op, cmd, interface_version, u)
}

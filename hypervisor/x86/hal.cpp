// SPDX-License-Identifier: MIT
// The machine, as core sees it. The state of the current vCPU is in hal_vcpu.cpp.
#include "core/hal.hpp"

#include "core/pv/cpuid.hpp"
#include "x86/boot/memory_map.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/interrupts.hpp"
#include "x86/cpu/ioapic.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/cpu/time.hpp"
#include "x86/cpu/xstate.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/power.hpp"
#include "x86/dev/serial.hpp"
#include "x86/mm/paging.hpp"
#include "x86/mm/tlb.hpp"
#include "x86/mm/usercopy.hpp"

namespace hv::hal {

std::byte* map(Mfn mfn) { return paging::direct_map(mfn); }
Mfn mfn_of(void const* address) {
    return Mfn{(reinterpret_cast<u64>(address) - paging::direct_map_base) >> page_shift};
}
bool copy_from_guest(void* to, u64 from, usize size) {
    return user_copy(to, reinterpret_cast<void const*>(from), size) == 0;
}
bool copy_to_guest(u64 to, void const* from, usize size) {
    return user_copy(reinterpret_cast<void*>(to), from, size) == 0;
}
bool clear_guest(u64 to, usize size) { return user_clear(reinterpret_cast<void*>(to), size) == 0; }
u64 max_address_bits() { return features::address_bits(); }
std::span<abi::E820Entry const> machine_memory_map() { return boot::machine_memory_map(); }
Mfn m2p_chunk(u32 index) { return paging::m2p_chunk(index); }

CpuId this_cpu() { return hv::this_cpu().id; }
Vcpu& current() { return *hv::this_cpu().current; }
u32 online_cpus() { return 1; }
void kick(CpuId cpu) {
    cpu_block(cpu).pending.fetch_or(PendingWork::reschedule, std::memory_order_release);
    if (cpu != this_cpu()) apic::send_ipi(cpu, vector::kick);
}
// Hypercalls run with interrupts off: what would interrupt shows in the flags others set, and in the clock.
bool should_preempt() { return hv::this_cpu().pending.load(std::memory_order_relaxed) != 0 || time::deadline_passed(); }
void pause_cpu() { cpu::pause(); }

void flush_tlb(CpuMask const& cpus) { x86_tlb::flush(cpus); }
void flush_tlb_page(CpuMask const& cpus, u64 address) { x86_tlb::flush(cpus, address); }
void flush_tlb_local() { x86_tlb::flush_local(); }
void flush_tlb_page_local(u64 address) { x86_tlb::flush_local(address); }

usize xstate_size() { return xstate::area_size(); }
void xstate_init(std::byte* area) { xstate::init_area(area); }

Time now() { return time::at_tsc(cpu::rdtsc()); }
u64 read_tsc() { return cpu::rdtsc(); }
TscScale tsc_scale() { return time::scale(); }
u64 tsc_khz() { return time::tsc_khz(); }
bool tsc_is_stable() { return time::tsc_is_stable(); }
u64 wall_clock_at_start() { return time::wall_clock_at_start(); }
void set_wall_clock_at_start(u64 ns) { time::set_wall_clock_at_start(ns); }
void set_deadline(Time deadline) { time::set_deadline(deadline); }

usize console_read(std::span<char> out) { return serial::read(out); }
void machine_power_off() { power::off(); }
void machine_reboot() { power::reboot(); }
void machine_halt() { power::halt(); }
bool reboot_allowed() { return power::reboot_allowed(); }
bool acpi_sleep(u32, u16 pm1a_control, u16 pm1b_control) {
    return acpi::write_sleep_control(pm1a_control, pm1b_control);
}

CpuIds cpu_ids(CpuId cpu) {
    u32 apic_id = cpu_block(cpu).apic_id;
    for (acpi::Processor const& processor : acpi::processors())
        if (processor.apic_id == apic_id) return {.apic_id = apic_id, .acpi_id = processor.acpi_id};
    return {.apic_id = apic_id, .acpi_id = cpu};
}
pv::CpuidLeaf cpuid(u32 leaf, u32 subleaf) {
    cpu::CpuidResult r = cpu::cpuid(leaf, subleaf);
    return {.eax = r.eax, .ebx = r.ebx, .ecx = r.ecx, .edx = r.edx};
}
u32 gsi_count() { return ioapic::gsi_count(); }
std::optional<u32> ioapic_read(Maddr base, u32 reg) { return ioapic::read(base, reg); }

}  // namespace hv::hal

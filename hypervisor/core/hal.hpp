// SPDX-License-Identifier: MIT
// All that core knows of a machine. Defined twice: x86/hal.cpp drives the hardware, tests/hosted/hal.cpp is a small
// working model of it (RAM arena, recorded flushes, a clock that tests move).
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include "base/assert.hpp"
#include "base/bitmap.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "core/perf.hpp"
#include "core/pv/cpuid.hpp"
#include "portable/base/pte.hpp"
#include "public/memory.hpp"

namespace hv {
struct Vcpu;
struct Domain;
}  // namespace hv

namespace hv::hal {
// --- memory
#if __STDC_HOSTED__
std::byte* map(Mfn mfn);          // the frame in the direct map; mfn must be RAM
u64 read_or_zero(Maddr address);  // eight bytes in the direct map; 0 if that is no RAM
#else
extern std::byte* const direct_map;
inline std::byte* map(Mfn mfn) { return direct_map + (mfn.value << page_shift); }
[[gnu::always_inline]] inline u64 read_or_zero(Maddr address) {
    u64 value;  // not by ASM GOTO: g++ 12 may lose its outputs (GCC bug 113921)
    asm volatile(R"(
    1:  movq %1, %0
    2:  .pushsection .text.fixup, "ax?"
    3:  xorl %k0, %k0
        jmp 2b
        .popsection
        .pushsection .extable, "a?"
        .quad 1b, 3b
        .popsection)"
                 : "=r"(value)
                 : "m"(*reinterpret_cast<u64 const*>(direct_map + address.value)));
    return value;
}
#endif
Mfn mfn_of(void const* direct_map_address);
// The current vCPU's kernel address space. False if any byte is not accessible to the guest; a part may have been
// copied.
bool copy_from_guest(void* to, u64 from, usize size);
bool copy_to_guest(u64 to, void const* from, usize size);
bool clear_guest(u64 to, usize size);
u64 max_address_bits();  // physical address width of the machine
std::span<abi::E820Entry const> machine_memory_map();
Mfn m2p_chunk(u32 index);  // first frame of each 2 MiB of the M2P table

// --- processors
CpuId this_cpu();
Vcpu& current();  // the vCPU that runs (or the idle vCPU of this CPU); never null
u32 online_cpus();
void kick(CpuId cpu);  // makes that CPU look at its pending work soon; no-op for this CPU beyond a flag
// A higher claim is waiting: long operations return "again". Lets interrupts in meanwhile: nobody asks with a lock
// held.
bool should_preempt();
// In a loop that cannot stop on its way: it only lets interrupts in, in every 512th turn.
inline void ask_in_turn(u64 turn) {
    if (turn % 512 == 511) (void)should_preempt();
}

// --- translation caches; `cpus` are flushed before the call returns
void flush_tlb(CpuMask const& cpus);  // everything that guest entries could have put there
void flush_tlb_page(CpuMask const& cpus, u64 address);
void flush_tlb_local();
void flush_tlb_page_local(u64 address);
perf::Counts& perf_counts(CpuId cpu);

// --- state of the current vCPU that hardware holds; the Vcpu fields were changed, make the hardware follow.
// No-ops when `vcpu` is not running on this CPU.
void load_root(Vcpu& vcpu);               // of the mode it is in, full local flush included
void load_descriptor_tables(Vcpu& vcpu);  // gdt_frames/gdt_entries, ldt_frames/ldt_entries
void load_segment_bases(Vcpu& vcpu);      // fs_base, gs_base_kernel, gs_base_user
void save_segment_bases(Vcpu& vcpu);      // hardware -> Vcpu (user space may have changed them)
// One of abi::segbase, of a vCPU in kernel mode: field and hardware.
void set_segment_base(Vcpu& vcpu, u32 which, u64 value);
bool load_user_gs_selector(Vcpu& vcpu, u16 selector);  // into the inactive GS; false (and a null selector) on a fault
void load_debug_registers(Vcpu& vcpu);
void load_virtual_ts(Vcpu& vcpu);  // cr0_ts changed
void load_virtual_cr4(Vcpu& vcpu);
void load_iopl(Vcpu& vcpu);
void sync_vcpu(Vcpu& vcpu);  // waits until a paused vCPU's state is in its Vcpu

// --- extended state areas
usize xstate_size();  // bytes of one area, 64-byte aligned by the allocator
void xstate_init(std::byte* area);

// --- time
Time now();
u64 read_tsc();
Time time_at(u64 tsc);
u64 latest_whole_tsc();  // at which time_at loses no fraction
struct TscScale {        // ns = (tsc << shift, or >> -shift) * multiplier >> 32
    u32 multiplier;
    abi::u8 reserved[3];
    signed char shift;
};
TscScale tsc_scale();
u64 tsc_khz();
bool tsc_is_stable();
u64 wall_clock_at_start();  // ns since 1970 at hypervisor time 0
void set_wall_clock_at_start(u64 ns);
void set_deadline(Time deadline);  // this CPU's timer; ~0 for none

// --- console and power
usize console_read(std::span<char> out);  // bytes typed on the console that dom0 has not read
[[noreturn]] void machine_power_off();
[[noreturn]] void machine_reboot();
[[noreturn]] void machine_halt();
bool reboot_allowed();  // false with the option noreboot
// Writes PM1 control; S5 does not return. False: no such block.
bool acpi_sleep(u32 state, u16 pm1a_control, u16 pm1b_control);

// --- interrupts of devices, by the numbers (pirqs) that dom0 has for them; handle_pirq is called for each that arrives
struct MsiSource {
    u16 segment = 0;
    u8 bus = 0;
    u8 devfn = 0;
    u32 entry = 0;       // in the MSI-X table
    u64 table_base = 0;  // 0: MSI
};
void connect_gsi(u32 pirq, u32 gsi);
Result<> connect_msi(u32 pirq, MsiSource const& source);  // nodev, nxio, inval: what it names is not there
void disconnect_irq(u32 pirq);
Result<> wire_gsi(u32 gsi, bool level, bool active_low);  // exist: it was before, or is in use
Result<> prepare_irq(u32 pirq);                           // busy: the hypervisor uses it; nospc: no vector is left
void enable_irq(u32 pirq);                                // a prepared one
void disable_irq(u32 pirq);
bool irq_needs_end(u32 pirq);  // level-triggered: silent after each interrupt until its end
void end_irq(u32 pirq);
void restore_msi(MsiSource const& device);

// --- what dom0 asks about the machine
struct CpuIds {
    u32 apic_id;
    u32 acpi_id;
};
CpuIds cpu_ids(CpuId cpu);
pv::CpuidLeaf cpuid(u32 leaf, u32 subleaf);           // the machine's own
u64 arch_capabilities();                              // the register; 0: there is none
u32 gsi_count();                                      // inputs of all IO-APICs
std::optional<u32> ioapic_read(Maddr base, u32 reg);  // none: no IO-APIC at that address
}  // namespace hv::hal

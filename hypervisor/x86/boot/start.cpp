// SPDX-License-Identifier: MIT
// The boot CPU's way from boot.S to the scheduler. The order is forced: the console first, so that everything after it
// can be told; boot information and ACPI while their memory is mapped; then our own tables, and all else upon them.
#include "base/log.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/irq.hpp"
#include "core/hal/power.hpp"
#include "core/hal/time.hpp"
#include "core/hypercall/version.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/sched/scheduler.hpp"
#include "core/time/guest_time.hpp"
#include "x86/boot/boot_info.hpp"
#include "x86/boot/cmdline.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/cpu/time.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/serial.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/paging.hpp"
#include "x86/mm/window.hpp"
#include "x86/panic.hpp"

extern "C" {
[[noreturn]] void start(hv::u32 magic, hv::u32 information);  // from boot.S
[[noreturn]] void switch_stack(hv::u64 top, void (*next)());
extern char const boot_stack_end[];
}

namespace hv {
namespace {
constinit boot::BootInfo info{};
constinit boot::Options options{};

std::byte const* boot_mapped(u64 address) { return paging::direct_map(Maddr{address}); }

void read_boot_information(u32 magic, u32 information) {
    if (magic == boot::multiboot2_magic) boot::read_multiboot2(information, boot_mapped, info);
    else if (magic == boot::multiboot1_magic) boot::read_multiboot1(information, boot_mapped, info);
    else info.problem = "not started by a multiboot loader";
}

void start_console() {
    options = boot::parse_command_line(info.command_line.view());
    if (options.console) serial::init(options.com[options.console - 1]);
    if (options.log_level) log::set_threshold(*options.log_level);
    if (options.guest_log_level) log::set_guest_threshold(*options.guest_log_level);
    if (!options.reboot) power::forbid_reboot();
    log::info("Paravane {}", PARAVANE_VERSION);
    log::info("loaded by {}, command line: {}", info.loader.view(), info.command_line.view());
    set_command_line(info.command_line.view());
    for (boot::Complaint const& complaint : options.complaint_list()) {
        if (complaint.is_error) log::error("command line: {}: {}; ignored", complaint.option, complaint.reason);
        else log::warn("command line: {}: unknown option", complaint.option);
    }
    if (!info.memory_count) panic(info.problem ? info.problem : "no memory map");
    if (info.problem) log::warn("boot information: {}", info.problem);
    if (char const* missing = features::missing()) {
        log::error("this processor cannot be used: {}", missing);
        hal::machine_halt();
    }
    if (features::has_meltdown()) {
        log::error("guests can read all memory on this processor (Meltdown): used only with the option \"unsafe\"");
        if (!options.unsafe) hal::machine_halt();
    }
}

void log_memory_map() {
    log::info("memory map:");
    u64 ram = 0;
    for (boot::MemoryRange const& range : info.memory_ranges()) {
        log::info("  {:x} - {:x} {}", range.start, range.end(), boot::name_of(range.type));
        if (range.type == abi::e820::ram) ram += range.size;
    }
    log::info("  {} MiB of RAM", ram >> 20);
    for (boot::Module const& module : info.module_list())
        log::info("module: {} KiB at {:x}, command line: {}", module.size >> 10, module.start,
                  module.command_line.view());
}

// Firmware tends to leave the interrupt controllers out of its map; dom0 must not take them for free address space.
void reserve_controllers() {
    auto keep = [](Maddr address, u64 size) {
        boot::reserve_memory(info, address.value, size);
        (void)protect_io(Mfn{address.value >> page_shift}, size >> page_shift, Protection::denied);
    };
    keep(acpi::machine.interrupts.local_apic, page_size);
    for (acpi::IoApicEntry const& ioapic : acpi::machine.interrupts.ioapic_list()) keep(ioapic.address, page_size);
    (void)protect_io(Mfn{0xfee00}, 0x100, Protection::denied);  // a write there is an interrupt
}

void start_memory() {
    boot::normalise_memory(info);
    acpi::read_tables(info);
    reserve_controllers();
    log_memory_map();
    boot::publish_memory_map(info);
    boot_memory::init(info);
    features::read();
    speculation::init(options.speculation);
    features::init_cpu();
    speculation::init_cpu();
    paging::init(info);
    paging::init_frame_tables(boot::end_of_ram(info) >> page_shift);
    log::info("{} MiB free of {} MiB", free_frame_count() >> (20 - page_shift),
              total_frame_count() >> (20 - page_shift));
}

void start_interrupts_and_time() {
    apic::turn_off_pic();
    apic::map(acpi::machine.interrupts.local_apic);
    for (acpi::IoApicEntry const& ioapic : acpi::machine.interrupts.ioapic_list())
        ioapic::add(ioapic.address, ioapic.gsi_base);
    apic::init_cpu();
    time::calibrate();
}

[[noreturn]] void start_on_own_stack() {
    CpuBlock& cpu = this_cpu();
    segments::init_idt();
    segments::load(cpu.id);
    start_interrupts_and_time();
    features::make_lfence_serialize();
    xstate::init_cpu();
    sched::start_cpu(cpu.id);
    guest_time::start(cpu.id);
    cpu.current = &sched::idle_vcpu(cpu.id);
    smp::start_others(options.max_cpus);
    log::info("{} processors in ACPI, {} in use; {} interrupt inputs", acpi::machine.interrupts.processor_list().size(),
              hal::online_cpus(), hal::gsi_count());
#ifdef PARAVANE_CHAOS
    chaos::start(options.chaos_seed);
#endif
    serial::use_interrupts();
    time::watch();
    start_dom0(info, options);
    log::info("dom0 starts at TSC {}", hal::read_tsc());
    run_scheduler();
}

// The first 64 KiB-aligned stack stays in use under its address in the CPU's window; the block at its end included.
[[noreturn]] void move_to_window() {
    u64 main_stack = paging::image_physical(boot_stack_end) - window::main_stack_pages * page_size;
    window::create(0, Mfn{main_stack >> page_shift});
    switch_stack(window::stack_end(0) - sizeof(CpuBlock), start_on_own_stack);
}
}  // namespace
}  // namespace hv

void start(hv::u32 magic, hv::u32 information) {
    hv::read_boot_information(magic, information);
    hv::start_console();
    hv::start_memory();
    hv::move_to_window();
}

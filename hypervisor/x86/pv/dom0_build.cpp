// SPDX-License-Identifier: MIT
// Dom0 out of the boot loader's modules, and its first vCPU ready to run. What goes where is decided and checked
// (portable/kernel) before the first frame is written.
#include <algorithm>
#include <array>
#include <cstring>
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/power.hpp"
#include "core/mm/heap.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/hypercall_page.hpp"
#include "core/pv/vcpu_context.hpp"
#include "core/sched/scheduler.hpp"
#include "portable/base/format.hpp"
#include "portable/kernel/contents.hpp"
#include "x86/boot/handover.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/entry/exit.hpp"
#include "x86/mm/boot_memory.hpp"
#include "x86/mm/paging.hpp"
#include "x86/pv/dom0_memory.hpp"
#include "x86/pv/port_policy.hpp"
#include "x86/pv/vga_console.hpp"

namespace hv {
namespace {
constexpr u16 uart_ports = 8;

[[noreturn]] void fail(char const* what, char const* why, std::string_view about = {}) {
    log::error("dom0: {}: {}{}{}", what, why, about.empty() ? "" : ": ", about);
    if (hal::reboot_allowed()) hal::machine_reboot();
    hal::machine_halt();
}

struct Builder {
    boot::BootInfo const& info;
    boot::Options const& options;
    pv::KernelImage image{};
    pv::BootLayout layout{};
    x86::Dom0Memory memory{};
    Domain* domain = nullptr;
    Mfn root{};
    std::array<char, abi::max_guest_cmdline> line{};
};

std::span<u8 const> contents(boot::Module const& module) {
    return {reinterpret_cast<u8 const*>(paging::direct_map(module.start)), module.size};
}
pv::KernelFile kernel_file(Builder const& builder) { return contents(builder.info.modules[0]); }
std::span<u8 const> initrd(Builder const& builder) {
    return builder.info.module_count > 1 ? contents(builder.info.modules[1]) : std::span<u8 const>{};
}

void plan(Builder& builder) {
    if (builder.info.module_count == 0) fail("no kernel", "the boot loader brought no modules");
    pv::ParsedKernel parsed = pv::parse_kernel(kernel_file(builder), pv::KernelRole::dom0);
    if (!parsed) fail("kernel", parsed.refusal.why, parsed.refusal.about);
    builder.image = parsed.image;

    u64 pages = boot::dom0_pages(builder.options, free_frame_count());
    pv::LayoutResult planned = pv::lay_out(builder.image, {.pages = pages, .initrd_bytes = initrd(builder).size()});
    if (planned.least_pages) log::error("dom0: its kernel and initrd need {} KiB", planned.least_pages << 2);
    if (!planned) fail("kernel", planned.error);
    builder.layout = planned.layout;
    if (pages > free_frame_count()) fail("memory", "dom0_mem asks for more than is free");

    u32 vcpus = builder.options.dom0_max_vcpus ? builder.options.dom0_max_vcpus : hal::online_cpus();
    vcpus = std::clamp(vcpus, std::max(1u, builder.options.dom0_min_vcpus), max_vcpus_per_domain);
    Result<DomainRef> created = create_domain({.id = abi::dom0, .privileged = true, .max_vcpus = vcpus});
    if (!created) fail("domain", "no memory for its structures");
    builder.domain = &**created;
    builder.domain->max_pages = total_frame_count();
    if (builder.options.dom0_memory_max)
        builder.domain->max_pages =
            builder.options.dom0_memory_max->of(total_frame_count() << page_shift) >> page_shift;
    builder.domain->max_pages = std::max(builder.domain->max_pages, pages);
    if (!create_vcpus(*builder.domain, vcpus)) fail("domain", "no memory for its vCPUs");
    if (!builder.memory.allocate(*builder.domain, pages, builder.layout.used_pages))
        fail("memory", "there is less than dom0_mem says");
}

void fill_memory(Builder& builder) {
    auto mfn_of = [&](u64 pfn) { return builder.memory.mfn(pfn); };
    for (u64 pfn = builder.layout.kernel.pfn; pfn < builder.layout.used_pages; ++pfn)
        pv::fill_page(builder.image, kernel_file(builder), builder.layout, pfn, builder.memory.at(pfn), mfn_of);
    if (builder.image.hypercall_page) {
        u64 pfn = (*builder.image.hypercall_page - builder.layout.virt_base) >> page_shift;
        pv::fill_hypercall_page(std::span<std::byte, page_size>{builder.memory.at(pfn), page_size});
    }
    builder.memory.write(builder.layout.initrd.pfn, initrd(builder).data(), initrd(builder).size());
}

void write_console(abi::StartInfo& start) {
    std::optional<abi::Dom0VgaConsoleInfo> console = x86::vga_console();
    if (!console) return;
    start.console.dom0.info_off = sizeof(abi::StartInfo);
    start.console.dom0.info_size = sizeof(*console);
    std::memcpy(&start + 1, &*console, sizeof(*console));
}

void write_start_info(Builder& builder) {
    // Linux in PV mode looks for ACPI's root pointer only where a BIOS leaves it.
    std::string_view given = builder.info.modules[0].command_line.view();
    char const* pattern = builder.info.efi_system_table ? "{} acpi_rsdp=0x{:x}" : "{}";
    std::string_view line = format_to(builder.line, pattern, std::array<FormatArg, 2>{given, acpi::machine.rsdp});
    auto& start = *reinterpret_cast<abi::StartInfo*>(builder.memory.at(builder.layout.start_info_pfn));
    bool const whole = pv::fill_start_info(start, builder.image, builder.layout,
                                           {.shared_info = Maddr{builder.domain->shared_info_mfn.value << page_shift},
                                            .initrd_bytes = initrd(builder).size(),
                                            .command_line = line});
    if (!whole) log::warn("dom0: its command line is too long and was cut off");
    write_console(start);
}

// Linux unpins the tables it was started with, and expects that they were pinned.
Result<> pin_root(Builder& builder) {
    TypedRef table = TRY(get_typed(builder.root, builder.domain->id, PageType::l4));
    table->type.fetch_or(PageInfo::pinned, std::memory_order_acq_rel);
    (void)std::move(table).leak();
    return {};
}

Result<> set_registers(Builder& builder) {
    auto const context = make_owned<abi::VcpuGuestContext>();
    if (!context) return Errno::nomem;
    pv::fill_context(*context, builder.image, builder.layout, builder.root);
    return pv::set_context(*builder.domain->vcpus[0], *context);
}

// Promotion of many tables stops for interrupts, as it would in a hypercall.
template <class F>
void complete(F&& step) {
    for (;;) {
        Result<> result = step();
        if (result) return;
        if (result.error() != Errno::again) fail("page tables", "the initial ones were refused");
        x86::serve_interrupts();
    }
}

void launch(Builder& builder) {
    for (u32 i = 0; i < abi::legacy_max_vcpus; ++i) builder.domain->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    complete([&] { return pin_root(builder); });
    complete([&] { return set_registers(builder); });
    builder.domain->paused_by_controller = false;
    sched::clear_reason(*builder.domain->vcpus[0], PauseReason::down);
    unpause_domain(*builder.domain);
}

void log_plan(Builder const& builder) {
    pv::BootLayout const& layout = builder.layout;
    log::info("dom0: {} MiB, {} vCPUs", builder.memory.size() >> (20 - page_shift), builder.domain->max_vcpus);
    log::info("dom0: kernel {:x}-{:x}, entry {:x}, start info {:x}, mapped up to {:x}, initrd at pfn {:x}, {} KiB",
              builder.image.start, builder.image.end, builder.image.entry, layout.address_of(layout.start_info_pfn),
              layout.address_of(layout.mapped_pages), layout.initrd.pfn, initrd(builder).size() >> 10);
}
}  // namespace

void start_dom0(boot::BootInfo const& info, boot::Options const& options) {
    auto* builder = make<Builder>(info, options);
    if (!builder) fail("memory", "there is none to build it");
    if (options.console) x86::deny_ports({options.com[options.console - 1].io_base, uart_ports});
    plan(*builder);
    log_plan(*builder);
    fill_memory(*builder);
    write_start_info(*builder);
    builder->root = builder->memory.mfn(builder->layout.tables.pfn);
    for (boot::Module const& module : info.module_list()) boot_memory::release_module(module);
    if (builder->domain->max_vcpus == 1) x86::open_config_ports();
    launch(*builder);
    destroy(builder);
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// Dom0 out of the boot loader's modules, and its first vCPU ready to run. The plan (core/pv/dom0_layout) is made and
// checked before the first frame is written.
#include <algorithm>
#include <array>
#include <cstring>
#include "base/format.hpp"
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/hal.hpp"
#include "core/mm/heap.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/dom0_layout.hpp"
#include "core/pv/elf.hpp"
#include "core/pv/hypercall_page.hpp"
#include "core/pv/trap_frame.hpp"
#include "core/pv/vcpu_context.hpp"
#include "core/sched/scheduler.hpp"
#include "public/start_info.hpp"
#include "x86/boot/handover.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/entry/exit.hpp"
#include "x86/mm/boot_memory.hpp"
#include "x86/mm/paging.hpp"
#include "x86/pv/dom0_parts.hpp"
#include "x86/pv/port_policy.hpp"

namespace hv {
namespace {
constexpr u16 uart_ports = 8;

[[noreturn]] void fail(char const* what, char const* why) {
    log::error("dom0: {}{}{}", what, *what ? ": " : "", why);
    if (hal::reboot_allowed()) hal::machine_reboot();
    hal::machine_halt();
}

struct Builder {
    boot::BootInfo const& info;
    boot::Options const& options;
    pv::ElfKernel kernel{};
    pv::Dom0Layout layout{};
    x86::Dom0Memory memory{};
    Domain* domain = nullptr;
    Mfn root{};
};

std::span<u8 const> contents(boot::Module const& module) {
    return {reinterpret_cast<u8 const*>(paging::direct_map(module.start)), module.size};
}
std::span<u8 const> initrd(Builder const& builder) {
    return builder.info.module_count > 1 ? contents(builder.info.modules[1]) : std::span<u8 const>{};
}

void plan(Builder& builder) {
    if (builder.info.module_count == 0) fail("no kernel", "the boot loader brought no modules");
    pv::ElfResult parsed = pv::parse_kernel(contents(builder.info.modules[0]), pv::KernelRole::dom0);
    if (!parsed) fail("kernel module", parsed.error);
    builder.kernel = parsed.kernel;

    u64 pages = boot::dom0_pages(builder.options, free_frame_count());
    pv::LayoutResult planned =
        pv::lay_out_dom0(builder.kernel, {.nr_pages = pages, .initrd_bytes = initrd(builder).size()});
    if (!planned) fail("", planned.error);
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

// A segment begins anywhere in its first page.
void load_segment(Builder& builder, pv::ElfSegment const& segment) {
    u8 const* from = contents(builder.info.modules[0]).data() + segment.offset;
    u64 place = segment.address - builder.layout.virt_base;
    for (u64 left = segment.file_size; left != 0;) {
        u64 offset = place & (page_size - 1);
        u64 size = std::min(left, page_size - offset);
        std::memcpy(builder.memory.at(place >> page_shift) + offset, from, size);
        from += size;
        place += size;
        left -= size;
    }
}

void load_images(Builder& builder) {
    for (pv::ElfSegment const& segment : builder.kernel.loads()) load_segment(builder, segment);
    if (builder.kernel.hypercall_page) {
        u64 pfn = (*builder.kernel.hypercall_page - builder.layout.virt_base) >> page_shift;
        pv::fill_hypercall_page(std::span<std::byte, page_size>{builder.memory.at(pfn), page_size});
    }
    if (builder.layout.initrd.pages)
        builder.memory.write(builder.layout.initrd.pfn, initrd(builder).data(), initrd(builder).size());
}

void write_frame_list(Builder& builder) {
    constexpr u64 per_page = page_size / sizeof(u64);
    for (u64 pfn = 0; pfn < builder.layout.p2m.pages * per_page; ++pfn) {
        u64* page = reinterpret_cast<u64*>(builder.memory.at(builder.layout.p2m.pfn + pfn / per_page));
        page[pfn % per_page] = pfn < builder.memory.size() ? builder.memory.mfn(pfn).value : ~u64{0};
    }
}

void write_console(abi::StartInfo& start) {
    std::optional<abi::Dom0VgaConsoleInfo> console = x86::vga_console();
    if (!console) return;
    start.console.dom0.info_off = sizeof(abi::StartInfo);
    start.console.dom0.info_size = sizeof(*console);
    std::memcpy(&start + 1, &*console, sizeof(*console));
}

void write_start_info(Builder& builder) {
    pv::Dom0Layout const& layout = builder.layout;
    auto& start = *reinterpret_cast<abi::StartInfo*>(builder.memory.at(layout.start_info.pfn));
    std::memcpy(start.magic, abi::start_info_magic, sizeof(abi::start_info_magic));
    if (builder.kernel.magic_with_pae) start.magic[sizeof(abi::start_info_magic) - 1] = 'p';
    start.nr_pages = builder.memory.size();
    start.shared_info = Maddr{builder.domain->shared_info_mfn.value << page_shift};
    start.flags = abi::sif::privileged | abi::sif::initdomain;
    start.pt_base = Vaddr{layout.page_tables.address};
    start.nr_pt_frames = layout.page_tables.pages;
    start.mfn_list = Vaddr{layout.p2m.address};
    start.first_p2m_pfn = Pfn{layout.first_p2m_pfn};
    start.nr_p2m_frames = layout.nr_p2m_frames;
    if (layout.initrd.pages) {
        if (layout.initrd_by_pfn) start.flags |= abi::sif::mod_start_pfn;
        start.mod_start = layout.initrd_by_pfn ? layout.initrd.pfn : layout.initrd.address;
        start.mod_len = initrd(builder).size();
    }
    write_console(start);
    // Linux in PV mode looks for ACPI's root pointer only where a BIOS leaves it.
    std::span<char> line{start.cmd_line};
    std::string_view given = builder.info.modules[0].command_line.view();
    char const* pattern = builder.info.efi_system_table ? "{} acpi_rsdp=0x{:x}" : "{}";
    if (format_to(line, pattern, std::array<FormatArg, 2>{given, acpi::rsdp_address()}).size() == line.size())
        log::warn("dom0: its command line is too long and was cut off");
    line.back() = 0;
}

// Linux unpins the tables it was started with, and expects that they were pinned.
Result<> pin_root(Builder& builder) {
    TypedRef table = TRY(get_typed(builder.root, builder.domain->id, PageType::l4));
    table->type.fetch_or(PageInfo::pinned, std::memory_order_acq_rel);
    (void)std::move(table).leak();
    return {};
}

Result<> set_registers(Builder& builder) {
    auto* context = make<abi::VcpuGuestContext>();
    if (!context) return Errno::nomem;
    context->flags = abi::vgcf::in_kernel | abi::vgcf::online;
    context->user_regs.rip = builder.kernel.entry;
    context->user_regs.rsp = builder.layout.stack_top();
    context->user_regs.rsi = builder.layout.start_info.address;
    context->user_regs.rflags = pv::rflags::interrupts;
    context->user_regs.cs = abi::selector::flat_cs64;
    context->user_regs.ss = abi::selector::flat_ss;
    context->ctrlreg[3] = builder.root.value << page_shift;
    Result<> result = pv::set_context(*builder.domain->vcpus[0], *context);
    destroy(context);
    return result;
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
    pv::Dom0Layout const& layout = builder.layout;
    log::info("dom0: {} MiB, {} vCPUs", builder.memory.size() >> (20 - page_shift), builder.domain->max_vcpus);
    log::info("dom0: kernel {:x}-{:x}, entry {:x}, start info {:x}, mapped up to {:x}, initrd at pfn {:x}, {} KiB",
              builder.kernel.start, builder.kernel.end, builder.kernel.entry, layout.start_info.address,
              layout.virt_end, layout.initrd.pfn, initrd(builder).size() >> 10);
}
}  // namespace

void start_dom0(boot::BootInfo const& info, boot::Options const& options) {
    auto* builder = make<Builder>(info, options);
    if (!builder) fail("", "no memory to build it");
    if (options.console) x86::deny_ports({options.com[options.console - 1].io_base, uart_ports});
    plan(*builder);
    log_plan(*builder);
    load_images(*builder);
    write_frame_list(*builder);
    write_start_info(*builder);
    builder->root = x86::build_dom0_tables(builder->memory, builder->layout);
    for (boot::Module const& module : info.module_list()) boot_memory::release_module(module);
    if (builder->domain->max_vcpus == 1) x86::open_config_ports();
    launch(*builder);
    destroy(builder);
}
}  // namespace hv

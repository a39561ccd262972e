// SPDX-License-Identifier: MIT
// Dom0 out of the boot loader's modules, and its first vCPU ready to run. What goes where is decided and checked
// (portable/kernel) before the first frame is written.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include "base/log.hpp"
#include "base/page.hpp"
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/power.hpp"
#include "core/mm/heap.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/hypercall_page.hpp"
#include "core/pv/vcpu_context.hpp"
#include "core/sched/scheduler.hpp"
#include "portable/base/format.hpp"
#include "portable/kernel/layout.hpp"
#include "x86/boot/cmdline.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/paging.hpp"
#include "x86/pv/priv_op.hpp"

namespace hv {
namespace {
constexpr u16 uart_ports = 8;

[[noreturn]] void fail(char const* what, char const* why, std::string_view about = {}) {
    log::error("dom0: {}: {}{}{}", what, why, about.empty() ? "" : ": ", about);
    if (hal::reboot_allowed()) hal::machine_reboot();
    hal::machine_halt();
}

// Dom0's frames: a few large runs, and from pfn to frame.
class Memory {
public:
    // Allocates this many frames to the domain, as contiguous as they are to be had, and enters them into the M2P.
    // Those with the first pfns are zeroed; the others hold what they held, and nobody else has used them.
    Result<> allocate(Domain& domain, u64 pages, u64 zeroed) {
        for (u32 order = max_order; pages_ < pages;) {
            order = std::min(order, static_cast<u32>(std::bit_width(pages - pages_) - 1));
            Result<PageInfo*> run =
                alloc_domain_frames(domain, order, any_address_bits, Limit::enforced, Contents::old);
            if (!run && order-- > 0) continue;
            if (!run || run_count_ == runs_.size()) return Errno::nomem;
            Mfn first = mfn_of(**run);
            u64 count = u64{1} << order;
            for (u64 i = 0; i < count; ++i) {
                set_m2p(first + i, pages_ + i);
                if (pages_ + i < zeroed) clear_page(hal::map(first + i));
            }
            runs_[run_count_++] = {pages_, first, count};
            pages_ += count;
        }
        return {};
    }

    Mfn mfn(u64 pfn) {
        ASSERT(pfn < pages_);
        auto holds = [&](Run const& run) { return pfn >= run.pfn && pfn - run.pfn < run.pages; };
        if (!holds(runs_[last_])) {
            last_ = static_cast<u32>(std::find_if(runs_.begin(), runs_.begin() + run_count_, holds) - runs_.begin());
        }
        Run const& run = runs_[last_];
        return run.mfn + (pfn - run.pfn);
    }
    std::byte* at(u64 pfn) { return hal::map(mfn(pfn)); }  // the frame in the direct map
    void write(u64 pfn, std::span<u8 const> bytes) {       // from the start of that frame on
        for (u64 done = 0; done < bytes.size(); done += page_size)
            std::memcpy(at(pfn++), &bytes[done], std::min(page_size, bytes.size() - done));
    }

private:
    struct Run {
        u64 pfn;
        Mfn mfn;
        u64 pages;
    };

    std::array<Run, 2048> runs_{};
    u32 run_count_ = 0;
    u32 last_ = 0;  // where the last look-up ended: they come in order
    u64 pages_ = 0;
};

// The VGA's own registers (IBM VGA technical reference; the same on every adapter since).
namespace vga {
constexpr u16 graphics = 0x3ce, crt = 0x3d4;  // an index, and behind it the register
constexpr u8 graphics_miscellaneous = 6;      // bit 0: graphics mode; all ones without an adapter
constexpr u8 horizontal_end = 1;
constexpr u8 overflow = 7;  // bits 1 and 6: bits 8 and 9 of the vertical end
constexpr u8 maximum_scan_line = 9;
constexpr u8 start_address_high = 0xc;
constexpr u8 cursor_high = 0xe;
constexpr u8 vertical_end = 0x12;

u8 read(u16 port, u8 index) {
    cpu::outb(port, index);
    return cpu::inb(static_cast<u16>(port + 1));
}
u16 pair(u8 high_index) {
    return static_cast<u16>(read(crt, high_index) << 8 | read(crt, static_cast<u8>(high_index + 1)));
}
}  // namespace vga

// What dom0 is told of the screen it takes over. Nothing if there is no VGA, or none in text mode.
std::optional<abi::Dom0VgaConsoleInfo> vga_console() {
    using namespace vga;
    if (read(graphics, graphics_miscellaneous) & 1) return std::nullopt;
    u16 columns = static_cast<u16>(read(crt, horizontal_end) + 1);
    u16 font_height = static_cast<u16>((read(crt, maximum_scan_line) & 0x1f) + 1);
    u8 high = read(crt, overflow);
    u16 lines = static_cast<u16>((read(crt, vertical_end) | (high & 2) << 7 | (high & 0x40) << 3) + 1);
    u16 cursor = static_cast<u16>(pair(cursor_high) - pair(start_address_high));

    abi::Dom0VgaConsoleInfo info{};
    info.video_type = abi::video_type::vga_text_3;
    info.u.text_mode_3 = {.font_height = font_height,
                          .cursor_x = static_cast<u16>(cursor % columns),
                          .cursor_y = static_cast<u16>(cursor / columns),
                          .rows = static_cast<u16>(lines / font_height),
                          .columns = columns};
    return info;
}

std::span<u8 const> contents(boot::Module const& module) {
    return {reinterpret_cast<u8 const*>(paging::direct_map(module.start)), module.size};
}

// Promotion of many tables stops for interrupts, as it would in a hypercall.
template <class F>
void complete(F&& step) {
    for (Result<> result = step(); !result; result = step()) {
        if (result.error() != Errno::again) fail("page tables", "the initial ones were refused");
        x86::serve_interrupts();
    }
}

class Builder {
public:
    Builder(boot::BootInfo const& info, boot::Options const& options) : info_{info}, options_{options} {}

    void run() {
        if (options_.console) x86::deny_ports({options_.com[options_.console - 1].io_base, uart_ports});
        if (info_.module_count == 0) fail("no kernel", "the boot loader brought no modules");
        kernel_ = contents(info_.modules[0]);
        if (info_.module_count > 1) initrd_ = contents(info_.modules[1]);
        plan();
        create();
        fill_memory();
        write_start_info();
        for (boot::Module const& module : info_.module_list()) boot_memory::release_module(module);
        if (domain_->max_vcpus == 1) x86::open_config_ports();
        launch();
    }

private:
    void plan() {
        pv::ParsedKernel parsed = pv::parse_kernel(kernel_, pv::KernelRole::dom0);
        if (!parsed) fail("kernel", parsed.refusal.why, parsed.refusal.about);
        image_ = parsed.image;
        u64 const pages = boot::dom0_pages(options_, free_frame_count());
        pv::LayoutResult planned = pv::lay_out(image_, {.pages = pages, .initrd_bytes = initrd_.size()});
        if (planned.least_pages) log::error("dom0: its kernel and initrd need {} KiB", planned.least_pages << 2);
        if (!planned) fail("kernel", planned.error);
        layout_ = planned.layout;
        if (pages > free_frame_count()) fail("memory", "dom0_mem asks for more than is free");
    }

    void create() {
        u32 vcpus = options_.dom0_max_vcpus ? options_.dom0_max_vcpus : hal::online_cpus();
        vcpus = std::clamp(vcpus, std::max(1u, options_.dom0_min_vcpus), max_vcpus_per_domain);
        Result<DomainRef> created = create_domain({.id = abi::dom0, .privileged = true, .max_vcpus = vcpus});
        if (!created) fail("domain", "no memory for its structures");
        domain_ = &**created;
        u64 most = total_frame_count();
        if (options_.dom0_memory_max) most = options_.dom0_memory_max->of(most << page_shift) >> page_shift;
        domain_->max_pages = std::max(most, layout_.pages);
        if (!create_vcpus(*domain_, vcpus)) fail("domain", "no memory for its vCPUs");
        if (!memory_.allocate(*domain_, layout_.pages, layout_.used_pages))
            fail("memory", "there is less than dom0_mem says");
        log::info("dom0: {} MiB, {} vCPUs", layout_.pages >> (20 - page_shift), vcpus);
        log::info("dom0: kernel {:x}-{:x}, entry {:x}, start info {:x}, mapped up to {:x}, initrd at pfn {:x}, {} KiB",
                  image_.start, image_.end, image_.entry, layout_.address_of(layout_.start_info_pfn),
                  layout_.address_of(layout_.mapped_pages), layout_.initrd.pfn, initrd_.size() >> 10);
    }

    void fill_memory() {
        auto mfn_of = [&](u64 pfn) { return memory_.mfn(pfn); };
        for (u64 pfn = layout_.kernel.pfn; pfn < layout_.used_pages; ++pfn)
            pv::fill_page(image_, kernel_, layout_, pfn, memory_.at(pfn), mfn_of);
        if (image_.hypercall_page) {
            u64 pfn = (*image_.hypercall_page - layout_.virt_base) >> page_shift;
            pv::fill_hypercall_page(std::span<std::byte, page_size>{memory_.at(pfn), page_size});
        }
        memory_.write(layout_.initrd.pfn, initrd_);
    }

    void write_start_info() {
        // Linux in PV mode looks for ACPI's root pointer only where a BIOS leaves it.
        char const* pattern = info_.efi_system_table ? "{} acpi_rsdp=0x{:x}" : "{}";
        std::array<FormatArg, 2> const given{info_.modules[0].command_line.view(), acpi::machine.rsdp};
        auto& start = *reinterpret_cast<abi::StartInfo*>(memory_.at(layout_.start_info_pfn));
        bool const whole = pv::fill_start_info(start, image_, layout_,
                                               {.shared_info = Maddr{domain_->shared_info_mfn.value << page_shift},
                                                .initrd_bytes = initrd_.size(),
                                                .command_line = format_to(line_, pattern, given)});
        if (!whole) log::warn("dom0: its command line is too long and was cut off");
        std::optional<abi::Dom0VgaConsoleInfo> const console = vga_console();
        if (!console) return;
        start.console.dom0.info_off = sizeof(abi::StartInfo);
        start.console.dom0.info_size = sizeof(*console);
        std::memcpy(&start + 1, &*console, sizeof(*console));
    }

    void launch() {
        for (abi::VcpuInfo& vcpu : domain_->shared_info->vcpu_info) vcpu.evtchn_upcall_mask = 1;
        complete([&] { return pin_root(); });
        complete([&] { return set_registers(); });
        domain_->paused_by_controller = false;
        sched::clear_reason(*domain_->vcpus[0], PauseReason::down);
        unpause_domain(*domain_);
    }
    // Linux unpins the tables it was started with, and expects that they were pinned.
    Result<> pin_root() {
        TypedRef table = TRY(get_typed(memory_.mfn(layout_.tables.pfn), domain_->id, PageType::l4));
        table->type.fetch_or(PageInfo::pinned, std::memory_order_acq_rel);
        (void)std::move(table).leak();
        return {};
    }
    Result<> set_registers() {
        auto const context = make_owned<abi::VcpuGuestContext>();
        if (!context) return Errno::nomem;
        pv::fill_context(*context, image_, layout_, memory_.mfn(layout_.tables.pfn));
        return pv::set_context(*domain_->vcpus[0], *context);
    }

    boot::BootInfo const& info_;
    boot::Options const& options_;
    std::span<u8 const> kernel_{}, initrd_{};
    pv::KernelImage image_{};
    pv::BootLayout layout_{};
    Memory memory_{};
    Domain* domain_ = nullptr;
    std::array<char, abi::max_guest_cmdline> line_{};
};
}  // namespace

void start_dom0(boot::BootInfo const& info, boot::Options const& options) {
    auto* builder = make<Builder>(info, options);
    if (!builder) fail("memory", "there is none to build it");
    builder->run();
    destroy(builder);
}
}  // namespace hv

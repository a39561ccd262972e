// SPDX-License-Identifier: MIT
#include "domain/builder.hpp"

#include <algorithm>
#include <cstring>

#include "portable/kernel/layout.hpp"
#include "public/grant_table.hpp"
#include "public/shared_info.hpp"

namespace paravane {
namespace {
using hv::pv::Region;

constexpr std::size_t map_batch = 1024;  // pages mapped at a time: 4 MiB
constexpr unsigned large_order = 9;
constexpr std::uint64_t large_pages = std::uint64_t{1} << large_order;
constexpr std::size_t large_batch = 64, small_batch = 4096;  // extents asked for in one hypercall

std::string in_mebibytes(std::uint64_t pages) {
    return std::to_string((pages * page_size + (1 << 20) - 1) >> 20) + " MiB";
}

Result<hv::pv::BootLayout> lay_out(Images const& images, ImageFiles const& files, std::uint64_t memory) {
    std::uint64_t pages = memory / page_size;
    hv::pv::LayoutResult result =
        hv::pv::lay_out(images.kernel, {.pages = pages, .initrd_bytes = images.initrd.bytes().size()});
    if (result) return result.layout;
    if (result.least_pages == 0) return Error{"kernel " + files.kernel, result.error, ErrorKind::precondition};
    return Error{"memory",
                 in_mebibytes(pages) + " of memory are too little: kernel, initrd and page tables need " +
                     in_mebibytes(result.least_pages) + " before the guest runs",
                 ErrorKind::invalid};
}

class Builder {
public:
    Builder(Hypervisor& hypervisor, XenForeign& foreign, std::uint16_t domid, DomainPorts ports,
            PreparedDomain const& prepared)
        : hypervisor_{hypervisor}, foreign_{foreign}, domid_{domid}, ports_{ports}, prepared_{prepared} {}

    Result<BuiltDomain> build() {
        TRY(allocate());
        // The domain's memory comes cleared, but nothing here relies on it.
        for (Region run : {layout_.kernel, layout_.p2m, layout_.p2m_tables, layout_.tables, single(layout_.stack_pfn),
                           single(layout_.xenstore_pfn), single(layout_.console_pfn)})
            TRY(write_pages(run));
        TRY(write_initrd());
        TRY(write_start_info());
        TRY(write_shared_info());
        if (images_.kernel.hypercall_page) {
            std::uint64_t pfn = (*images_.kernel.hypercall_page - layout_.virt_base) / page_size;
            TRY(hypervisor_.domctl.write_hypercall_page(domid_, p2m_[pfn]));
        }
        // Every mapping of the tables is gone by now: a writable one would keep the hypervisor from accepting them.
        TRY(hypervisor_.memory.pin_l4(domid_, p2m_[layout_.tables.pfn]));
        abi::VcpuGuestContext context{};
        hv::pv::fill_context(context, images_.kernel, layout_, frame_of(layout_.tables.pfn));
        TRY(hypervisor_.domctl.set_vcpu_context(domid_, context));
        TRY(write_grants());
        return BuiltDomain{p2m_[layout_.xenstore_pfn], p2m_[layout_.console_pfn]};
    }

private:
    // Large extents while the hypervisor has them, single pages for the rest.
    Result<> allocate() {
        p2m_.reserve(layout_.pages);
        std::vector<std::uint64_t> pfns;
        while (layout_.pages - p2m_.size() >= large_pages) {
            std::uint64_t extents = std::min<std::uint64_t>((layout_.pages - p2m_.size()) / large_pages, large_batch);
            pfns.clear();
            for (std::uint64_t i = 0; i < extents; ++i) pfns.push_back(p2m_.size() + i * large_pages);
            std::vector<std::uint64_t> frames = TRY(hypervisor_.memory.populate(domid_, pfns, large_order));
            for (std::uint64_t frame : frames) {
                for (std::uint64_t i = 0; i < large_pages; ++i) p2m_.push_back(frame + i);
            }
            if (frames.size() < extents) break;
        }
        while (p2m_.size() < layout_.pages) {
            std::uint64_t extents = std::min<std::uint64_t>(layout_.pages - p2m_.size(), small_batch);
            pfns.clear();
            for (std::uint64_t i = 0; i < extents; ++i) pfns.push_back(p2m_.size() + i);
            std::vector<std::uint64_t> frames = TRY(hypervisor_.memory.populate(domid_, pfns, 0));
            p2m_.insert(p2m_.end(), frames.begin(), frames.end());
            if (frames.size() < extents) {
                return Error{"allocate " + std::to_string(layout_.pages * page_size >> 10) + " KiB of memory",
                             "the hypervisor has only " + std::to_string(p2m_.size() * page_size >> 10) + " KiB",
                             ErrorKind::exhausted};
            }
        }
        return {};
    }

    static Region single(std::uint64_t pfn) { return {pfn, 1}; }
    hv::Mfn frame_of(std::uint64_t pfn) const { return {p2m_[pfn]}; }

    // Maps a run of the domain's pages piece by piece and lets `fill` write each piece, given its offset in the run.
    template <class Fill>
    Result<> write_run(std::string_view what, Region run, Fill fill) {
        for (std::uint64_t done = 0; done < run.pages;) {
            std::uint64_t count = std::min<std::uint64_t>(run.pages - done, map_batch);
            std::span<std::uint64_t const> frames{p2m_.data() + run.pfn + done, count};
            ForeignMapping mapping = TRY(foreign_.map(what, domid_, frames));
            TRY(fill(mapping.bytes(), done * page_size));
            done += count;
        }
        return {};
    }

    Result<> write_pages(Region run) {
        return write_run("initial memory", run, [&](std::span<std::byte> piece, std::uint64_t offset) -> Result<> {
            std::memset(piece.data(), 0, piece.size());
            for (std::uint64_t at = 0; at < piece.size(); at += page_size) {
                hv::pv::fill_page(images_.kernel, kernel_file(images_.elf.bytes()), layout_,
                                  run.pfn + (offset + at) / page_size, piece.data() + at,
                                  [&](std::uint64_t pfn) { return frame_of(pfn); });
            }
            return {};
        });
    }

    Result<> write_initrd() {
        std::span<std::byte const> const initrd = images_.initrd.bytes();
        return write_run("initrd pages", layout_.initrd,
                         [&](std::span<std::byte> piece, std::uint64_t offset) -> Result<> {
                             std::span<std::byte const> part = initrd.subspan(offset);
                             part = part.first(std::min(part.size(), piece.size()));
                             std::ranges::copy(part, piece.begin());
                             std::memset(piece.data() + part.size(), 0, piece.size() - part.size());
                             return {};
                         });
    }

    Result<> write_start_info() {
        DomainInfo info = TRY(hypervisor_.domctl.domain_info(domid_));
        shared_info_frame_ = info.shared_info_frame;
        abi::StartInfo start{};
        (void)hv::pv::fill_start_info(start, images_.kernel, layout_,
                                      {.shared_info = {shared_info_frame_ * page_size},
                                       .initrd_bytes = images_.initrd.bytes().size(),
                                       .command_line = prepared_.cmdline});
        start.store_mfn = frame_of(layout_.xenstore_pfn);
        start.store_evtchn = {ports_.xenstore};
        start.console.domU.mfn = frame_of(layout_.console_pfn);
        start.console.domU.evtchn = {ports_.console};
        return write_run("start_info", single(layout_.start_info_pfn),
                         [&](std::span<std::byte> page, std::uint64_t) -> Result<> {
                             std::memset(page.data(), 0, page.size());
                             std::memcpy(page.data(), &start, sizeof start);
                             return {};
                         });
    }

    // No events until the kernel is ready for them.
    Result<> write_shared_info() {
        ForeignMapping mapping = TRY(foreign_.map("shared_info", domid_, {&shared_info_frame_, 1}));
        auto* shared = mapping.as<abi::SharedInfo>();
        std::memset(mapping.bytes().data(), 0, page_size);
        for (abi::VcpuInfo& vcpu : shared->vcpu_info) vcpu.evtchn_upcall_mask = 1;
        return {};
    }

    // As a resource; by its frame where dom0's kernel is too old for that.
    Result<ForeignMapping> map_grant_table() {
        Result<ForeignMapping> table = foreign_.map_grant_table(domid_);
        if (table) return table;
        std::uint64_t frame = TRY(hypervisor_.memory.grant_table_frame(domid_));
        return foreign_.map("the grant table", domid_, {&frame, 1});
    }

    // The console and xenstore backends of domain 0 find the ring pages by these two well-known references.
    Result<> write_grants() {
        ForeignMapping table = TRY(map_grant_table());
        auto* entries = table.as<abi::GrantEntryV1>();
        auto grant = [&](abi::GrantRef ref, std::uint64_t pfn) {
            entries[ref.value].frame = static_cast<std::uint32_t>(p2m_[pfn]);
            entries[ref.value].domid = abi::dom0;
            entries[ref.value].flags = abi::gtf::permit_access;  // last: it makes the entry valid
        };
        grant(abi::gnttab_reserved_console, layout_.console_pfn);
        grant(abi::gnttab_reserved_xenstore, layout_.xenstore_pfn);
        return {};
    }

    Hypervisor& hypervisor_;
    XenForeign& foreign_;
    std::uint16_t domid_;
    DomainPorts ports_;
    PreparedDomain const& prepared_;
    Images const& images_ = prepared_.images;
    hv::pv::BootLayout const& layout_ = prepared_.layout;
    std::vector<std::uint64_t> p2m_;  // machine frame of each page
    std::uint64_t shared_info_frame_ = 0;
};
}  // namespace

Result<PreparedDomain> prepare_domain(ImageReader& reader, ImageFiles const& files, std::string const& cmdline,
                                      std::uint64_t memory, std::stop_token stop) {
    PreparedDomain domain{TRY(reader.read(files, memory, std::move(stop))), {}, cmdline};
    domain.layout = TRY(lay_out(domain.images, files, memory));
    return domain;
}

Result<BuiltDomain> build_domain(Hypervisor& hypervisor, XenForeign& foreign, std::uint16_t domid, DomainPorts ports,
                                 PreparedDomain const& prepared) {
    return Builder{hypervisor, foreign, domid, ports, prepared}.build();
}
}  // namespace paravane

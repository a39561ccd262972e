// SPDX-License-Identifier: MIT
#include "domain_builder.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "public/grant_table.hpp"
#include "public/shared_info.hpp"
#include "public/start_info.hpp"

namespace paravane {
namespace {
constexpr std::size_t map_batch = 1024;  // pages mapped at a time: 4 MiB
constexpr unsigned large_order = 9;
constexpr std::uint64_t large_pages = std::uint64_t{1} << large_order;
constexpr std::size_t large_batch = 64, small_batch = 4096;  // extents asked for in one hypercall
constexpr std::uint64_t largest_file = std::uint64_t{256} << 20;

struct OpenFile {
    OwnedFd fd;
    std::uint64_t size;
};

Result<OpenFile> open_file(std::string const& path) {
    OwnedFd fd{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd) {
        Error failure = Error::from_errno("");
        failure.code = ENOEXEC;
        return failure;
    }
    struct stat status {};
    if (fstat(fd.get(), &status) < 0) return Error::from_errno("");
    if (!S_ISREG(status.st_mode)) return Error{"", "not a regular file", ENOEXEC};
    return OpenFile{std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

// Exactly `size` bytes from `offset` on, or an error: the file may shrink while we read it.
Result<> read_range(int fd, std::byte* to, std::size_t size, std::uint64_t offset) {
    while (size != 0) {
        ssize_t count = pread(fd, to, size, static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Error::from_errno("");
        if (count == 0) return Error{"", "the file became shorter while it was read", ENOEXEC};
        to += count;
        size -= static_cast<std::size_t>(count);
        offset += static_cast<std::uint64_t>(count);
    }
    return {};
}

Result<std::vector<std::byte>> read_file(std::string const& path) {
    OpenFile file = TRY(open_file(path));
    if (file.size > largest_file) return Error{"", "larger than 256 MiB", ENOEXEC};
    std::vector<std::byte> content(file.size);
    TRY(read_range(file.fd.get(), content.data(), content.size(), 0));
    return content;
}

Result<> load_kernel(PreparedDomain& domain, std::string const& path) {
    std::vector<std::byte> file = TRY(read_file(path));
    domain.elf = TRY(unpack_kernel(std::move(file)));
    domain.kernel = TRY(parse_kernel(domain.elf));
    return {};
}

class Builder {
public:
    Builder(Domctl& domctl, XenForeign& foreign, std::uint16_t domid, DomainPorts ports, PreparedDomain const& prepared)
        : domctl_{domctl}, foreign_{foreign}, domid_{domid}, ports_{ports}, prepared_{prepared} {}

    Result<BuiltDomain> build() {
        TRY(allocate());
        TRY(write_kernel());
        TRY(write_initrd());
        TRY(write_p2m());
        TRY(write_single_pages());
        TRY(write_page_tables());
        TRY(write_shared_info());
        if (prepared_.kernel.hypercall_page) {
            std::uint64_t pfn = (*prepared_.kernel.hypercall_page - layout_.virt_base) / page_size;
            TRY(domctl_.write_hypercall_page(domid_, p2m_[pfn]));
        }
        // Every mapping of the tables is gone by now: a writable one would keep the hypervisor from accepting them.
        TRY(domctl_.pin_l4(domid_, p2m_[layout_.tables.pfn]));
        TRY(domctl_.set_vcpu_context(domid_, {.entry = prepared_.kernel.entry,
                                              .stack = layout_.stack_top(),
                                              .start_info = layout_.address_of(layout_.start_info_pfn),
                                              .l4_frame = p2m_[layout_.tables.pfn]}));
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
            std::vector<std::uint64_t> frames = TRY(domctl_.populate(domid_, pfns, large_order));
            for (std::uint64_t frame : frames) {
                for (std::uint64_t i = 0; i < large_pages; ++i) p2m_.push_back(frame + i);
            }
            if (frames.size() < extents) break;
        }
        while (p2m_.size() < layout_.pages) {
            std::uint64_t extents = std::min<std::uint64_t>(layout_.pages - p2m_.size(), small_batch);
            pfns.clear();
            for (std::uint64_t i = 0; i < extents; ++i) pfns.push_back(p2m_.size() + i);
            std::vector<std::uint64_t> frames = TRY(domctl_.populate(domid_, pfns, 0));
            p2m_.insert(p2m_.end(), frames.begin(), frames.end());
            if (frames.size() < extents) {
                return Error{"allocate " + std::to_string(layout_.pages * page_size >> 10) + " KiB of memory",
                             "the hypervisor has only " + std::to_string(p2m_.size() * page_size >> 10) + " KiB",
                             ENOMEM};
            }
        }
        return {};
    }

    // Maps a run of the domain's pages piece by piece and lets `fill` write each piece, given its offset in the run.
    template <class Fill>
    Result<> write_run(std::string_view what, PageRun run, Fill fill) {
        for (std::uint64_t done = 0; done < run.count;) {
            std::uint64_t count = std::min<std::uint64_t>(run.count - done, map_batch);
            std::span<std::uint64_t const> frames{p2m_.data() + run.pfn + done, count};
            ForeignMapping mapping = TRY(foreign_.map(what, domid_, frames));
            TRY(fill(mapping.bytes(), done * page_size));
            done += count;
        }
        return {};
    }

    // The domain's memory comes cleared, but nothing here relies on it: gaps and tails of segments are written too.
    Result<> write_kernel() {
        std::uint64_t base = layout_.address_of(layout_.kernel.pfn);
        return write_run(
            "kernel pages", layout_.kernel, [&](std::span<std::byte> piece, std::uint64_t offset) -> Result<> {
                std::memset(piece.data(), 0, piece.size());
                std::uint64_t start = base + offset;
                for (KernelSegment const& segment : prepared_.kernel.segments) {
                    std::uint64_t from = std::max(start, segment.address);
                    // The last page may end at the end of the address space: compare lengths, not ends.
                    std::uint64_t file_left =
                        from - segment.address < segment.file_size ? segment.file_size - (from - segment.address) : 0;
                    std::uint64_t room = from - start < piece.size() ? piece.size() - (from - start) : 0;
                    std::uint64_t count = std::min(file_left, room);
                    if (count == 0) continue;
                    std::memcpy(piece.data() + (from - start),
                                prepared_.elf.data() + segment.file_offset + (from - segment.address), count);
                }
                return {};
            });
    }

    Result<> write_initrd() {
        std::vector<std::byte> buffer;
        Result<> done = write_run(
            "initrd pages", layout_.initrd, [&](std::span<std::byte> piece, std::uint64_t offset) -> Result<> {
                buffer.assign(piece.size(), std::byte{0});
                TRY(read_range(prepared_.initrd.get(), buffer.data(),
                               std::min<std::uint64_t>(piece.size(), prepared_.initrd_size - offset), offset));
                std::memcpy(piece.data(), buffer.data(), piece.size());
                return {};
            });
        if (!done) return std::move(done).error().within("initrd " + prepared_.initrd_path);
        return done;
    }

    // Entries behind the last page of the domain are invalid.
    Result<> write_p2m() {
        return write_run("frame list", layout_.p2m, [&](std::span<std::byte> piece, std::uint64_t offset) -> Result<> {
            std::memset(piece.data(), 0xff, piece.size());
            std::uint64_t first = offset / sizeof(std::uint64_t);
            std::uint64_t count = std::min<std::uint64_t>(p2m_.size() - first, piece.size() / sizeof(std::uint64_t));
            std::memcpy(piece.data(), p2m_.data() + first, count * sizeof(std::uint64_t));
            return {};
        });
    }

    // start_info, the two ring pages and the boot stack.
    Result<> write_single_pages() {
        std::uint64_t frames[] = {p2m_[layout_.start_info_pfn], p2m_[layout_.xenstore_pfn], p2m_[layout_.console_pfn],
                                  p2m_[layout_.stack_pfn]};
        DomainInfo info = TRY(domctl_.domain_info(domid_));
        shared_info_frame_ = info.shared_info_frame;
        ForeignMapping mapping = TRY(foreign_.map("start_info and ring pages", domid_, frames));
        std::memset(mapping.bytes().data(), 0, mapping.bytes().size());
        abi::StartInfo start{};
        std::memcpy(start.magic, abi::start_info_magic, sizeof abi::start_info_magic);
        start.nr_pages = layout_.pages;
        start.shared_info = {shared_info_frame_ * page_size};
        start.flags = abi::sif::virt_p2m_4tools;
        start.store_mfn = {p2m_[layout_.xenstore_pfn]};
        start.store_evtchn = {ports_.xenstore};
        start.console.domU.mfn = {p2m_[layout_.console_pfn]};
        start.console.domU.evtchn = {ports_.console};
        start.pt_base = {layout_.address_of(layout_.tables.pfn)};
        start.nr_pt_frames = layout_.tables.count;
        start.mfn_list = {layout_.p2m_address};
        if (layout_.initrd.count != 0) {
            if (!layout_.initrd_mapped) start.flags |= abi::sif::mod_start_pfn;
            start.mod_start = layout_.initrd_mapped ? layout_.address_of(layout_.initrd.pfn) : layout_.initrd.pfn;
            start.mod_len = prepared_.initrd_size;
        }
        prepared_.cmdline.copy(start.cmd_line, sizeof start.cmd_line - 1);
        if (layout_.p2m_tables.count != 0) {
            start.first_p2m_pfn = {layout_.p2m.pfn};
            start.nr_p2m_frames = layout_.p2m.count + layout_.p2m_tables.count;
        }
        std::memcpy(mapping.bytes().data(), &start, sizeof start);
        return {};
    }

    Result<> write_page_tables() {
        std::vector<PageTable> tables = make_page_tables(layout_, p2m_);
        std::vector<std::uint64_t> frames;
        for (PageTable const& table : tables) frames.push_back(p2m_[table.pfn]);
        ForeignMapping mapping = TRY(foreign_.map("page tables", domid_, frames));
        std::byte* to = mapping.bytes().data();
        for (PageTable const& table : tables) {
            std::memcpy(to, table.entries.data(), page_size);
            to += page_size;
        }
        return {};
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
        std::uint64_t frame = TRY(domctl_.grant_table_frame(domid_));
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

    Domctl& domctl_;
    XenForeign& foreign_;
    std::uint16_t domid_;
    DomainPorts ports_;
    PreparedDomain const& prepared_;
    DomainLayout const& layout_ = prepared_.layout;
    std::vector<std::uint64_t> p2m_;  // machine frame of each page
    std::uint64_t shared_info_frame_ = 0;
};
}  // namespace

Result<PreparedDomain> prepare_domain(BootFiles const& files) {
    PreparedDomain domain;
    domain.cmdline = files.cmdline;
    Result<> loaded = load_kernel(domain, files.kernel);
    if (!loaded) return std::move(loaded).error().within("kernel " + files.kernel);
    if (!files.initrd.empty()) {
        Result<OpenFile> initrd = open_file(files.initrd);
        if (!initrd) return std::move(initrd).error().within("initrd " + files.initrd);
        domain.initrd_path = files.initrd;
        domain.initrd = std::move(initrd->fd);
        domain.initrd_size = initrd->size;
    }
    Result<DomainLayout> layout = lay_out_domain(domain.kernel, files.memory / page_size, domain.initrd_size);
    if (!layout) {
        std::string what = layout.error().code == ENOMEM ? "memory" : "kernel " + files.kernel;
        return std::move(layout).error().within(what);
    }
    domain.layout = *layout;
    return domain;
}

Result<BuiltDomain> build_domain(Domctl& domctl, XenForeign& foreign, std::uint16_t domid, DomainPorts ports,
                                 PreparedDomain const& prepared) {
    return Builder{domctl, foreign, domid, ports, prepared}.build();
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The way of a kernel file through the domain builder, up to the page tables. The first byte picks what the rest is: an
// ELF as it stands, the ELF inside a bzImage (so that the fuzzer reaches behind the unpacking), or a whole file.
#include <cstdint>
#include <cstdlib>
#include <numeric>

#include "domain_layout.hpp"
#include "kernel_file.hpp"
#include "kernel_image.hpp"

namespace {
using paravane::DomainLayout;
using paravane::KernelImage;
using paravane::Result;

constexpr std::uint64_t pages = 2048;
constexpr std::uint8_t whole_file = 0x80;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_layout(KernelImage const& kernel, std::uint64_t initrd_size) {
    Result<DomainLayout> layout = paravane::lay_out_domain(kernel, pages, initrd_size);
    if (!layout) return;
    require(layout->mapped_pages <= pages && layout->kernel.end() <= layout->mapped_pages);
    require(layout->stack_pfn < layout->mapped_pages && layout->initrd.end() <= pages);
    require(layout->p2m.end() <= pages && layout->p2m_tables.end() <= pages);
    std::vector<std::uint64_t> p2m(pages);
    std::iota(p2m.begin(), p2m.end(), 0x1000);
    auto tables = paravane::make_page_tables(*layout, p2m);
    for (auto const& table : tables) require(table.pfn < pages);
}

void check_elf(std::span<std::byte const> elf) {
    Result<KernelImage> kernel = paravane::parse_kernel(elf);
    if (!kernel) return;
    std::uint64_t end = kernel->start;
    for (auto const& segment : kernel->segments) {
        require(segment.address >= end && segment.address >= kernel->virt_base);
        require(segment.file_size <= segment.memory_size && segment.file_offset + segment.file_size <= elf.size());
        end = segment.address + segment.memory_size;
    }
    require(end == kernel->end && kernel->entry >= kernel->start && kernel->entry <= kernel->end);
    check_layout(*kernel, 0);
    check_layout(*kernel, 100'000);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    auto const* bytes = reinterpret_cast<std::byte const*>(data);
    std::span<std::byte const> rest{bytes + 1, size - 1};
    if (data[0] < whole_file) {
        check_elf(rest);
        if (data[0] % 16 != 0) return 0;
        Result<test::Bytes> elf = paravane::unpack_kernel(test::make_bzimage(rest, paravane::Compression::none));
        if (elf) check_elf(*elf);
        return 0;
    }
    Result<test::Bytes> elf = paravane::unpack_kernel({rest.begin(), rest.end()});
    if (elf) check_elf(*elf);
    return 0;
}

// Seeds from nowhere are hopeless for an ELF with notes: now and then an input is replaced by a good one.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    if (size < 64 || seed % 64 == 0) {
        test::KernelSpec spec{
            .segments = {{.file_size = 64, .memory_size = 0x2000}, {.paddr = 0x200000, .file_size = 0}}};
        spec.entry = 0xffffffff80100000;
        if ((seed & 0x100) != 0) spec.init_p2m = 0x8000000000;
        if ((seed & 0x200) != 0) spec.hypercall_page = 0xffffffff80101000;
        test::Bytes good = test::make_elf(spec);
        bool whole = (seed & 0x400) != 0;
        auto compression = static_cast<paravane::Compression>(seed >> 12 & 7);
        if (whole) good = test::make_bzimage(good, compression);
        if (good.size() < max_size) {
            data[0] = whole ? whole_file : static_cast<std::uint8_t>(seed >> 16 & 0x7f);
            std::memcpy(data + 1, good.data(), good.size());
            size = good.size() + 1;
        }
    }
    return LLVMFuzzerMutate(data, size, max_size);
}

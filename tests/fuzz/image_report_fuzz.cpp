// SPDX-License-Identifier: MIT
// Whatever pvunpack reports of a kernel: what is accepted can be laid out, and every page of it be filled from a file
// of that size; what is refused gives a clean line.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernel/image_reader.hpp"
#include "portable/kernel/layout.hpp"
#include "tests/unit/hypervisor/portable/kernel/kernel_file.hpp"

using namespace paravane;
using hv::page_size;

namespace {
void require(bool condition) {
    if (!condition) std::abort();
}

void fill(hv::pv::KernelImage const& image, std::span<std::byte const> elf) {
    hv::pv::LayoutResult const result = lay_out(image, {.pages = 2048, .initrd_bytes = 100'000});
    if (!result) return;
    alignas(page_size) static std::uint64_t page[512];
    hv::pv::BootLayout const& layout = result.layout;
    auto mfn_of = [&](std::uint64_t pfn) {
        require(pfn < layout.pages);
        return hv::Mfn{pfn};
    };
    for (std::uint64_t pfn = layout.kernel.pfn; pfn < layout.used_pages; ++pfn)
        fill_page(image, kernel_file(elf), layout, pfn, page, mfn_of);
    if (image.hypercall_page) require((*image.hypercall_page - layout.virt_base) / page_size < layout.pages);
}
}  // namespace

// The first two bytes are the file's size in 64-byte steps; the rest is the report.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2) return 0;
    std::vector<std::byte> const elf((data[0] | std::size_t{data[1]} << 8) * 64);
    ImageReport report;
    std::memcpy(static_cast<void*>(&report), data + 2, std::min(size - 2, sizeof report));
    Result<hv::pv::KernelImage> const image = read_report(report, {"/k", "/i"}, elf.size());
    if (image) {
        fill(*image, elf);
    } else {
        std::string const message = image.error().message();
        require(message.size() < 2 * sizeof report.reason);
        require(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }));
    }
    return 0;
}

// Now and then a good report, of which the next ones are made.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    if ((size < 64 || seed % 32 == 0) && max_size >= 2 + sizeof(ImageReport)) {
        test::Bytes const elf = test::make_elf(test::some_kernel(seed >> 8));
        hv::pv::ParsedKernel const parsed = hv::pv::parse_kernel(kernel_file(elf), hv::pv::KernelRole::guest);
        require(static_cast<bool>(parsed));
        ImageReport const report = report_of(parsed.image);
        data[0] = static_cast<std::uint8_t>(elf.size() / 64 + 1);
        data[1] = 0;
        std::memcpy(data + 2, &report, sizeof report);
        size = 2 + sizeof report;
    }
    return LLVMFuzzerMutate(data, size, max_size);
}

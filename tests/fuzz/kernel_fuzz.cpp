// SPDX-License-Identifier: MIT
// Any bytes as a kernel file: whatever is accepted lies inside the file, can be laid out or refused cleanly, and its
// initial memory be filled.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "portable/kernel/layout.hpp"
#include "tests/unit/hypervisor/portable/kernel/kernel_file.hpp"

using namespace hv;
using namespace hv::pv;

namespace {
void require(bool condition) {
    if (!condition) std::abort();
}

// Every page that has a use, once. Frames have the numbers of their pfns.
void check_contents(KernelFile file, KernelImage const& image, BootLayout const& layout) {
    alignas(page_size) static u64 page[512];
    auto mfn_of = [&](u64 pfn) {
        require(pfn < layout.pages);
        return Mfn{pfn};
    };
    for (Region const& region : {layout.kernel, layout.p2m, layout.tables, layout.p2m_tables}) {
        for (u64 pfn = region.pfn; pfn < region.end() && pfn < region.pfn + 64; ++pfn)
            fill_page(image, file, layout, pfn, page, mfn_of);
    }
}

void check(KernelFile file, KernelImage const& image) {
    u64 last = image.virt_base;
    for (Segment const& segment : image.loads()) {
        require(segment.offset <= file.size() && segment.file_size <= file.size() - segment.offset);
        require(segment.file_size <= segment.memory_size && segment.address >= last);
        last = segment.end();
    }
    require(image.end == last && image.entry >= image.start && image.entry < last);
    LayoutRequest const requests[] = {{file.size() * 1000, 0}, {file.size() * 1000, file.size() * 77}, {2048, 100'000}};
    for (LayoutRequest const& request : requests) {
        LayoutResult const result = lay_out(image, request);
        if (!result) continue;
        require(result.layout.used_pages <= request.pages && result.layout.stack_pfn < result.layout.mapped_pages);
        check_contents(file, image, result.layout);
    }
}
}  // namespace

// The first byte says as what it is to run.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    // An exact copy, so that AddressSanitizer sees a read behind its end.
    std::vector<u8> const file(data + 1, data + size);
    ParsedKernel const parsed = parse_kernel(file, (data[0] & 1) != 0 ? KernelRole::dom0 : KernelRole::guest);
    if (parsed) check(file, parsed.image);
    return 0;
}

// Now and then an input is replaced by a good one, of which the next ones are made.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    if (size < 64 || seed % 64 == 0) {
        test::Bytes const good = test::make_elf(test::some_kernel(seed >> 8));
        if (good.size() < max_size) {
            std::memcpy(data + 1, good.data(), good.size());
            size = good.size() + 1;
        }
    }
    return LLVMFuzzerMutate(data, size, max_size);
}

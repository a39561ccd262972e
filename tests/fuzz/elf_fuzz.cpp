// SPDX-License-Identifier: MIT
// Any bytes as a kernel file: whatever is accepted lies inside the file and can be laid out or refused cleanly.
#include <cstdlib>
#include <cstring>

#include "core/pv/dom0_layout.hpp"

namespace {
void require(bool condition) {
    if (!condition) std::abort();
}

// Most inputs would fail at the header, so it is made right, and the fuzzer chooses the rest: an offset, a count,
// notes.
void repair_header(std::uint8_t* file) {
    constexpr std::uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    std::memcpy(file, ident, sizeof(ident));
    file[16] = 2;
    file[17] = 0;
    file[18] = 62;
    file[19] = 0;
    file[54] = 56;
    file[55] = 0;
    file[57] = 0;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hv;
    using namespace hv::pv;

    // An exact copy, so that AddressSanitizer sees a read behind its end.
    u8* copy = static_cast<u8*>(std::malloc(size + 1));
    std::memcpy(copy, data, size);
    bool repaired = size > 64 && (data[0] & 1) != 0;
    if (repaired) repair_header(copy);
    u8* file = static_cast<u8*>(std::realloc(copy, size == 0 ? 1 : size));

    ElfResult result =
        parse_kernel({file, size}, size > 1 && (data[1] & 1) != 0 ? KernelRole::dom0 : KernelRole::guest);
    if (result) {
        u64 last = result.kernel.virt_base;
        for (ElfSegment const& segment : result.kernel.loads()) {
            require(segment.offset <= size && segment.file_size <= size - segment.offset);
            require(segment.file_size <= segment.memory_size && segment.address >= last);
            last = segment.address + segment.memory_size;
        }
        require(result.kernel.end == last && result.kernel.entry < last);
        LayoutResult layout = lay_out_dom0(result.kernel, {.nr_pages = size * 1000, .initrd_bytes = size * 77});
        if (layout) require(layout.layout.used_pages <= size * 1000);
    }
    std::free(file);
    return 0;
}

// SPDX-License-Identifier: MIT
// The way of a kernel file through the domain builder, up to the plan of its memory. The first byte picks what the rest
// is: an ELF as it stands, the ELF inside a bzImage (so that the fuzzer reaches behind the unpacking), or a whole file.
#include <cstdint>
#include <cstdlib>

#include "portable/kernel/layout.hpp"
#include "tests/unit/dom0-tools/unpack/packed_kernel.hpp"
#include "unpack/kernel_image.hpp"

namespace {
using paravane::Result;

constexpr std::uint8_t whole_file = 0x80;

void check_elf(std::span<std::byte const> elf) {
    Result<hv::pv::KernelImage> kernel = paravane::parse_guest_kernel(elf);
    if (kernel) (void)hv::pv::lay_out(*kernel, {.pages = 2048, .initrd_bytes = 100'000});
}

void check_file(std::span<std::byte const> file) {
    test::Bytes room(std::size_t{1} << 16);  // anew each time, so that AddressSanitizer sees a write behind its end
    Result<std::size_t> size = paravane::unpack_kernel(file, room);
    if (size) check_elf(std::span{room}.first(*size));
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    auto const* bytes = reinterpret_cast<std::byte const*>(data);
    std::span<std::byte const> rest{bytes + 1, size - 1};
    if (data[0] < whole_file) {
        check_elf(rest);
        if (data[0] % 16 == 0) check_file(test::make_bzimage(rest, paravane::Compression::none));
    } else {
        check_file(rest);
    }
    return 0;
}

// Seeds from nowhere are hopeless for an ELF with notes: now and then an input is replaced by a good one.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    if (size < 64 || seed % 64 == 0) {
        test::Bytes good = test::make_elf(test::some_kernel(seed >> 16));
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

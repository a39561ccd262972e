// SPDX-License-Identifier: MIT
// What pvunpack says of a kernel and an initrd, as plain data. It may have been taken over by the file that it read:
// nothing in its report is believed.
#pragma once
#include <cstdint>
#include <string>
#include <type_traits>

#include "os/error.hpp"
#include "portable/kernel/image.hpp"

namespace paravane {
struct ImageFiles {
    std::string kernel;
    std::string initrd;  // empty: none
};

enum class ImagePart : std::uint32_t { none, kernel, initrd };

struct ImageReport {
    static constexpr std::uint32_t right_magic = 0x6b6e7570;

    std::uint32_t magic = right_magic;
    std::uint32_t refused = 0;  // or 1: then the next three say what for, else the facts count
    std::uint32_t part = 0;     // ImagePart
    std::uint32_t kind = 0;     // ErrorKind
    char reason[240] = {};      // up to the first zero, if there is one

    std::uint32_t segment_count = 0;
    std::uint32_t flags = 0;
    std::uint64_t virt_base = 0;
    std::uint64_t entry = 0;
    std::uint64_t hypercall_page{};  // these two count with their flag
    std::uint64_t init_p2m = 0;
    std::uint64_t segments[hv::pv::max_elf_segments][4] = {};  // address, memory_size, offset, file_size

    static constexpr std::uint32_t has_hypercall_page = 1, has_init_p2m = 2, initrd_by_pfn = 4;
};
static_assert(std::is_trivially_copyable_v<ImageReport> && std::has_unique_object_representations_v<ImageReport>);

ImageReport report_of(hv::pv::KernelImage const& image);
ImageReport report_of(Error const& error, ImagePart part);

// The image, if all that is needed of it holds in a file of that size; else why the files cannot be used.
Result<hv::pv::KernelImage> read_report(ImageReport const& report, ImageFiles const& files, std::uint64_t elf_size);
}  // namespace paravane

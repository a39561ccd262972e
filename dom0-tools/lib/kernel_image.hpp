// SPDX-License-Identifier: MIT
// What the domain builder needs to know of a kernel file: where its bytes go and what its Xen notes ask for.
// Pure functions over bytes that nobody vouches for; everything is checked against the file's size before it is used.
#pragma once
#include "error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace paravane {
constexpr std::uint64_t page_size = 4096;

struct KernelSegment {
    std::uint64_t address;      // where the guest sees it
    std::uint64_t memory_size;  // bytes behind file_size are zero
    std::size_t file_offset;
    std::size_t file_size;
};

struct KernelImage {
    std::vector<KernelSegment> segments;  // ascending, disjoint, not empty
    std::uint64_t start = 0;              // lowest and one past the highest address of all segments
    std::uint64_t end = 0;
    std::uint64_t virt_base = 0;  // the address of the domain's first page
    std::uint64_t entry = 0;
    std::optional<std::uint64_t> hypercall_page;  // address of a page inside the image that wants the stubs
    std::optional<std::uint64_t> p2m_base;        // where to map the list of frames; else it goes behind the kernel
    bool initrd_by_frame = false;                 // the initrd need not be mapped, the kernel takes its frame number
};

// The ELF inside a bzImage, a compressed file, or the file itself when it is an ELF already.
Result<std::vector<std::byte>> unpack_kernel(std::vector<std::byte> file);

// Reads headers and notes of an ELF64 kernel.
Result<KernelImage> parse_kernel(std::span<std::byte const> elf);
}  // namespace paravane

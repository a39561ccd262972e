// SPDX-License-Identifier: MIT
// Reads an ELF64 PV kernel: which bytes go where, what its notes of owner "Xen" ask for, and the answer to "may this
// kernel run, and as what?". The hypervisor asks for dom0 and dom0's tools for guests: one source, so that both say the
// same. The image is somebody's file in memory; nothing in it is believed before it is checked against the view's size,
// and nothing outlives the view.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include "portable/base/types.hpp"

namespace hv::pv {
// What is wrong, as a clause for "dom0 kernel: …"; null if nothing is.
using Complaint = char const*;

enum class KernelRole : u8 { dom0, guest };

inline constexpr u32 max_elf_segments = 16;
inline constexpr u64 largest_image = u64{1} << 39;  // one L4 slot

struct Refusal {
    Complaint why = nullptr;
    std::string_view about{};  // the kernel's words that are complained of, if there are such

    explicit operator bool() const { return why; }
};

using KernelFile = std::span<u8 const>;

struct Segment {
    u64 address = 0;      // guest virtual, by physical address and note VIRT_BASE
    u64 memory_size = 0;  // bytes behind file_size are zero
    u64 offset = 0;       // in the file
    u64 file_size = 0;

    u64 end() const { return address + memory_size; }
};

struct KernelImage {
    std::array<Segment, max_elf_segments> segments{};  // by address, disjoint
    u32 segment_count = 0;
    KernelRole role = KernelRole::guest;  // for which it was asked for
    u64 virt_base = 0;                    // address of pfn 0, on a page and a guest's
    u64 start = 0;                        // lowest and one past the highest address of the segments
    u64 end = 0;
    u64 entry = 0;
    std::optional<u64> hypercall_page{};  // address of a page in the image that wants the call stubs
    std::optional<u64> init_p2m{};        // where the list of frames is to be mapped: on a page, a guest's
    bool initrd_by_pfn = false;           // it need not be mapped, start_info names its first pfn
    bool pae_mode = false;                // note PAE_MODE

    std::span<Segment const> loads() const { return std::span{segments}.first(segment_count); }
};

struct ParsedKernel {
    Refusal refusal{};
    KernelImage image{};

    explicit operator bool() const { return !refusal; }
};

ParsedKernel parse_kernel(KernelFile file, KernelRole role);

// What everybody relies on who is handed an image of a file of that size. It holds of what parse_kernel lets pass; who
// has an image from elsewhere asks.
Complaint check_image(KernelImage const& image, u64 file_size);

// What the guest sees from this address on, as far as it comes from the file. The rest of `to` stays as it is: it is to
// be zero.
void copy_from_image(KernelImage const& image, KernelFile file, u64 address, std::span<std::byte> to);
}  // namespace hv::pv

// SPDX-License-Identifier: MIT
// Reads an ELF64 PV kernel: which bytes go where, and what its Xen notes ask for. The image is somebody's file in
// memory; nothing in it is believed before it is checked against the view's size, and nothing outlives the view.
#pragma once
#include <array>
#include <optional>
#include <span>
#include "portable/kernel/notes.hpp"

namespace hv::pv {
struct ElfSegment {
    u64 address = 0;      // guest virtual, by physical address and note VIRT_BASE
    u64 memory_size = 0;  // bytes behind file_size are to be zeroed
    u64 offset = 0;       // in the file
    u64 file_size = 0;

    u64 end() const { return address + memory_size; }
};

struct ElfKernel {
    std::array<ElfSegment, max_elf_segments> segments{};  // by address, disjoint
    u32 segment_count = 0;
    u64 virt_base = 0;  // address of pfn 0
    u64 start = 0;      // lowest and one past the highest address of the segments
    u64 end = 0;
    u64 entry = 0;
    std::optional<u64> hypercall_page{};  // address of a page in the image that wants the call stubs
    std::optional<u64> init_p2m{};        // where the list of frames is to be mapped
    bool initrd_by_pfn = false;           // it need not be mapped, start_info names its first pfn
    bool magic_with_pae = false;          // note PAE_MODE: start_info's magic ends in 'p' for dom0

    std::span<ElfSegment const> loads() const { return std::span{segments}.first(segment_count); }
};

struct ElfResult {
    Complaint error = nullptr;
    ElfKernel kernel{};

    explicit operator bool() const { return !error; }
};

ElfResult parse_kernel(std::span<u8 const> file, KernelRole role);
}  // namespace hv::pv

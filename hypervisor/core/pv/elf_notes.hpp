// SPDX-License-Identifier: MIT
// The notes of owner "Xen" in a kernel's ELF file.
#pragma once
#include <string_view>
#include "core/pv/elf.hpp"

namespace hv::pv {
struct XenNotes {
    std::optional<u64> entry{};
    std::optional<u64> hypercall_page{};
    std::optional<u64> init_p2m{};
    std::optional<u64> supported_features{};
    u64 virt_base = 0;
    u64 paddr_offset = 0;
    std::string_view interface {};
    std::string_view loader{};
    std::string_view features{};
    bool pae_mode = false;
    bool initrd_by_pfn = false;
    bool l1_mfn_valid_is_present = true;
    bool found = false;

    // All notes of one area; those of other owners are passed over.
    Complaint add(std::span<u8 const> area);
    // Refuses kernels that ask for something that we cannot give.
    Complaint check(KernelRole role) const;

private:
    Complaint take(u32 type, std::span<u8 const> value);
};
}  // namespace hv::pv

// SPDX-License-Identifier: MIT
// The notes of owner "Xen" in a kernel's ELF file, and the answer to "may this kernel run, and as what?". The
// hypervisor asks for dom0 and dom0's tools for guests: one source, so that both say the same. Pure: views of the file,
// no memory.
#pragma once
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

struct XenNotes {
    std::optional<u64> entry{};
    std::optional<u64> hypercall_page{};
    std::optional<u64> init_p2m{};
    std::optional<u64> virt_base{};
    std::optional<u64> paddr_offset{};
    bool pae_mode = false;
    bool initrd_by_pfn = false;
    bool found = false;

    // All notes of one area; those of other owners are passed over.
    Complaint add(std::span<u8 const> area);
    // Refuses kernels that ask for something that we cannot give.
    Refusal check(KernelRole role) const;
    // Where the guest sees what the file has at this physical address; nothing if that is outside of what an image may
    // cover.
    std::optional<u64> place(u64 physical_address, u64 size) const;

private:
    Complaint take(u32 type, std::span<u8 const> value);
    void take_features(std::string_view list);

    std::string_view interface_{};
    std::string_view loader_{};
    std::string_view system_{};
    std::string_view missing_{};  // the first feature that it requires and we do not know
    bool says_what_it_supports_ = false;
    bool supports_dom0_ = false;
};
}  // namespace hv::pv

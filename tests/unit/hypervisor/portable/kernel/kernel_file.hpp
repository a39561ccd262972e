// SPDX-License-Identifier: MIT
// Small kernels made in memory: an ELF with Xen notes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace test {
using Bytes = std::vector<std::byte>;

struct SegmentSpec {
    std::uint64_t paddr = 0x100000;
    std::uint64_t vaddr = 0xffffffff80100000;
    std::size_t file_size = 0x3000;
    std::uint64_t memory_size = 0x5000;
    std::byte fill{0x5a};
};

struct KernelSpec {
    std::vector<SegmentSpec> segments{SegmentSpec{}};
    std::optional<std::uint64_t> virt_base = 0xffffffff80000000;
    std::optional<std::uint64_t> entry = 0xffffffff80100040;
    std::optional<std::uint64_t> paddr_offset = std::nullopt;
    std::optional<std::uint64_t> hypercall_page = std::nullopt;
    std::optional<std::uint64_t> init_p2m = std::nullopt;
    std::optional<std::uint64_t> mod_start_pfn = std::nullopt;
    std::optional<std::string> loader = "generic";
    std::optional<std::string> xen_version = "xen-3.0";
    std::optional<std::string> guest_os = std::nullopt;
    std::optional<std::string> features = "!writable_page_tables|pae_pgdir_above_4gb";
    std::optional<std::uint64_t> supported_features = std::nullopt;
    std::vector<std::byte> more_notes{};  // behind all others, as they are
    bool notes_in_section = false;        // a SHT_NOTE section in place of a PT_NOTE segment
    bool other_notes = false;             // a note of another owner in front
};

Bytes make_elf(KernelSpec const& spec = {});
// One that may run, of several kinds: for fuzzers, whose mutations would hardly find one.
KernelSpec some_kernel(unsigned seed);
Bytes make_note(std::uint32_t type, std::span<std::byte const> value);

template <class T>
void put(Bytes& bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}
}  // namespace test

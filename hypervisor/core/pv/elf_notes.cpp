// SPDX-License-Identifier: MIT
#include "core/pv/elf_notes.hpp"
#include <algorithm>
#include <cstring>
#include "public/elfnote.hpp"

namespace hv::pv {
namespace {
struct NoteHeader {
    u32 name_size, value_size, type;
};

std::string_view text_of(std::span<u8 const> value) {  // without the terminating zero, if there is one
    std::string_view text{reinterpret_cast<char const*>(value.data()), value.size()};
    return text.substr(0, text.find('\0'));
}

std::optional<u64> number_of(std::span<u8 const> value) {
    if (value.empty() || value.size() > sizeof(u64)) return {};
    u64 number = 0;
    std::memcpy(&number, value.data(), value.size());
    return number;
}

// "!name" is required, "name" is welcome; joined by '|'. Writable page tables exist by emulation, not as the feature
// bit of that name, which only translated guests have.
bool can_satisfy(std::string_view features) {
    constexpr std::string_view offered[] = {"!writable_page_tables", "!pae_pgdir_above_4gb",
                                            "!mmu_pt_update_preserve_ad", "!gnttab_map_avail_bits", "!dom0"};
    while (!features.empty()) {
        std::string_view name = features.substr(0, features.find('|'));
        features.remove_prefix(std::min(name.size() + 1, features.size()));
        if (name.starts_with('!') && std::ranges::find(offered, name) == std::end(offered)) return false;
    }
    return true;
}
}  // namespace

Complaint XenNotes::add(std::span<u8 const> area) {
    constexpr u64 alignment = 4;
    constexpr u8 owner[] = {'X', 'e', 'n', 0};
    while (area.size() >= sizeof(NoteHeader)) {
        NoteHeader header;
        std::memcpy(&header, area.data(), sizeof(header));
        area = area.subspan(sizeof(header));
        u64 name_room = round_up(header.name_size, alignment);
        if (name_room > area.size() || header.value_size > area.size() - name_room) return "a note in it is damaged";
        std::span<u8 const> value = area.subspan(name_room, header.value_size);
        if (header.name_size == sizeof(owner) && std::memcmp(area.data(), owner, sizeof(owner)) == 0) {
            found = true;
            if (Complaint error = take(header.type, value)) return error;
        }
        u64 whole = name_room + round_up(header.value_size, alignment);
        area = area.subspan(std::min<u64>(whole, area.size()));  // the last note may lack its padding
    }
    return nullptr;
}

Complaint XenNotes::take(u32 type, std::span<u8 const> value) {
    constexpr u64 present[] = {1, 1};  // mask, value
    std::optional<u64> number = number_of(value);
    switch (type) {
        case abi::elfnote::xen_version: interface = text_of(value); return nullptr;
        case abi::elfnote::loader: loader = text_of(value); return nullptr;
        case abi::elfnote::features: features = text_of(value); return nullptr;
        case abi::elfnote::pae_mode: pae_mode = text_of(value).starts_with("yes"); return nullptr;
        case abi::elfnote::l1_mfn_valid:
            if (value.size() == sizeof(present))
                l1_mfn_valid_is_present = std::memcmp(value.data(), present, sizeof(present)) == 0;
            return nullptr;
        case abi::elfnote::entry: entry = number; break;
        case abi::elfnote::hypercall_page: hypercall_page = number; break;
        case abi::elfnote::virt_base: virt_base = number.value_or(~u64{0}); break;
        case abi::elfnote::paddr_offset: paddr_offset = number.value_or(0); break;
        case abi::elfnote::init_p2m: init_p2m = number; break;
        case abi::elfnote::mod_start_pfn: initrd_by_pfn = number.value_or(0) != 0; break;
        case abi::elfnote::supported_features: supported_features = number; break;
        default: return nullptr;  // informative
    }
    return number ? nullptr : "a note in it is damaged";
}

Complaint XenNotes::check(KernelRole role) const {
    if (!found) return "it has no Xen notes: not a PV kernel";
    if (!interface.starts_with("xen-3.0")) return "it is not made for the interface xen-3.0";
    if (!loader.empty() && loader != "generic") return "it wants another loader than \"generic\"";
    if (!can_satisfy(features)) return "it requires a feature that we do not have";
    if (!l1_mfn_valid_is_present) return "it marks valid page-table entries by another bit than \"present\"";
    bool can_be_dom0 = !supported_features || (*supported_features >> abi::feature::dom0 & 1) != 0;
    if (role == KernelRole::dom0 && !can_be_dom0) return "it cannot run as dom0";
    return nullptr;
}
}  // namespace hv::pv

// SPDX-License-Identifier: MIT
#include "core/pv/elf_notes.hpp"
#include <cstring>
#include "public/elfnote.hpp"

namespace hv::pv {
namespace {
struct NoteHeader {
    u32 name_size;
    u32 value_size;
    u32 type;
};

std::string_view text_of(std::span<u8 const> value) {  // without the terminating zero, if there is one
    usize length = 0;
    while (length < value.size() && value[length] != 0) ++length;
    return {reinterpret_cast<char const*>(value.data()), length};
}

std::optional<u64> number_of(std::span<u8 const> value) {
    if (value.empty() || value.size() > sizeof(u64)) return {};
    u64 number = 0;
    std::memcpy(&number, value.data(), value.size());
    return number;
}

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && text.substr(0, prefix.size()) == prefix;
}

// "!name" is required, "name" is welcome; joined by '|'. Writable page tables exist by emulation, not as the feature
// bit of that name, which only translated guests have.
bool can_satisfy(std::string_view features) {
    while (!features.empty()) {
        usize length = 0;
        while (length < features.size() && features[length] != '|') ++length;
        std::string_view name = features.substr(0, length);
        features.remove_prefix(length < features.size() ? length + 1 : length);
        if (name.empty() || name[0] != '!') continue;
        name.remove_prefix(1);
        constexpr std::string_view offered[] = {"writable_page_tables", "pae_pgdir_above_4gb",
                                                "mmu_pt_update_preserve_ad", "gnttab_map_avail_bits", "dom0"};
        bool found = false;
        for (std::string_view candidate : offered) found = found || candidate == name;
        if (!found) return false;
    }
    return true;
}
}  // namespace

ElfError XenNotes::add(std::span<u8 const> area) {
    constexpr u64 alignment = 4;
    constexpr u8 owner[] = {'X', 'e', 'n', 0};
    while (area.size() >= sizeof(NoteHeader)) {
        NoteHeader header;
        std::memcpy(&header, area.data(), sizeof(header));
        area = area.subspan(sizeof(header));
        u64 name_room = round_up(header.name_size, alignment);
        if (name_room > area.size() || header.value_size > area.size() - name_room) return ElfError::bad_note;
        std::span<u8 const> value = area.subspan(name_room, header.value_size);
        if (header.name_size == sizeof(owner) && std::memcmp(area.data(), owner, sizeof(owner)) == 0) {
            found_ = true;
            ElfError error = take(header.type, value);
            if (error != ElfError::none) return error;
        }
        u64 whole = name_room + round_up(header.value_size, alignment);
        area = area.subspan(whole < area.size() ? whole : area.size());  // the last note may lack its padding
    }
    return ElfError::none;
}

ElfError XenNotes::take(u32 type, std::span<u8 const> value) {
    std::optional<u64> number = number_of(value);
    switch (type) {
        case abi::elfnote::xen_version: interface = text_of(value); return ElfError::none;
        case abi::elfnote::loader: loader = text_of(value); return ElfError::none;
        case abi::elfnote::features: features = text_of(value); return ElfError::none;
        case abi::elfnote::pae_mode: pae_mode = starts_with(text_of(value), "yes"); return ElfError::none;
        case abi::elfnote::l1_mfn_valid: {
            constexpr u64 present[] = {1, 1};  // mask, value
            if (value.size() == sizeof(present))
                l1_mfn_valid_is_present = std::memcmp(value.data(), present, sizeof(present)) == 0;
            return ElfError::none;
        }
        default: break;
    }
    switch (type) {
        case abi::elfnote::entry: entry = number; break;
        case abi::elfnote::hypercall_page: hypercall_page = number; break;
        case abi::elfnote::virt_base: virt_base = number.value_or(~u64{0}); break;
        case abi::elfnote::paddr_offset: paddr_offset = number.value_or(0); break;
        case abi::elfnote::init_p2m: init_p2m = number; break;
        case abi::elfnote::mod_start_pfn: initrd_by_pfn = number.value_or(0) != 0; break;
        case abi::elfnote::supported_features: supported_features = number; break;
        default: return ElfError::none;  // informative
    }
    return number ? ElfError::none : ElfError::bad_note;
}

ElfError XenNotes::check(KernelRole role) const {
    if (!found_) return ElfError::no_xen_notes;
    if (!starts_with(interface, "xen-3.0")) return ElfError::wrong_interface;
    if (!loader.empty() && loader != std::string_view{"generic"}) return ElfError::wrong_loader;
    if (!can_satisfy(features)) return ElfError::missing_feature;
    if (!l1_mfn_valid_is_present) return ElfError::bad_l1_mfn_valid;
    if (!entry) return ElfError::no_entry;
    bool can_be_dom0 = !supported_features || (*supported_features >> abi::feature::dom0 & 1) != 0;
    if (role == KernelRole::dom0 && !can_be_dom0) return ElfError::not_for_dom0;
    return ElfError::none;
}
}  // namespace hv::pv

// SPDX-License-Identifier: MIT
#include "portable/kernel/notes.hpp"
#include <algorithm>
#include <cstring>
#include "public/elfnote.hpp"

namespace hv::pv {
namespace {
struct NoteHeader {
    u32 name_size, value_size, type;
};

constexpr Complaint damaged = "a note in it is damaged";

std::string_view text_of(std::span<u8 const> value) {  // without the terminating zero, if there is one
    std::string_view text{reinterpret_cast<char const*>(value.data()), value.size()};
    return text.substr(0, text.find('\0'));
}

std::optional<u64> number_of(std::span<u8 const> value) {
    if (value.size() != 1 && value.size() != 2 && value.size() != 4 && value.size() != 8) return {};
    u64 number = 0;
    std::memcpy(&number, value.data(), value.size());
    return number;
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
        if (name_room > area.size() || header.value_size > area.size() - name_room) return damaged;
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
    switch (type) {
        case abi::elfnote::xen_version: interface_ = text_of(value); return nullptr;
        case abi::elfnote::loader: loader_ = text_of(value); return nullptr;
        case abi::elfnote::guest_os: system_ = text_of(value); return nullptr;
        case abi::elfnote::features: take_features(text_of(value)); return nullptr;
        case abi::elfnote::pae_mode: pae_mode = text_of(value).starts_with("yes"); return nullptr;
        default: break;
    }
    std::optional<u64> const number = number_of(value);
    switch (type) {
        case abi::elfnote::entry: entry = number; break;
        case abi::elfnote::hypercall_page: hypercall_page = number; break;
        case abi::elfnote::virt_base: virt_base = number; break;
        case abi::elfnote::paddr_offset: paddr_offset = number; break;
        case abi::elfnote::init_p2m: init_p2m = number; break;
        case abi::elfnote::mod_start_pfn: initrd_by_pfn = number.value_or(0) != 0; break;
        case abi::elfnote::supported_features:
            says_what_it_supports_ = true;
            supports_dom0_ |= (number.value_or(0) >> abi::feature::dom0 & 1) != 0;
            break;
        default: return nullptr;  // informative
    }
    return number ? nullptr : damaged;
}

// "!name" is required, "name" is welcome; joined by '|'. Only few features have a name here, and of those a PV domain
// lacks some. Writable page tables exist by emulation, not as the feature bit of that name, which only translated
// guests have.
void XenNotes::take_features(std::string_view list) {
    constexpr std::string_view offered[] = {"writable_page_tables", "pae_pgdir_above_4gb", "dom0"};
    while (!list.empty()) {
        std::string_view name = list.substr(0, list.find('|'));
        list.remove_prefix(std::min(name.size() + 1, list.size()));
        bool const required = name.starts_with('!');
        if (required) name.remove_prefix(1);
        if (name == "dom0") supports_dom0_ = true;
        if (required && missing_.empty() && std::ranges::find(offered, name) == std::end(offered)) missing_ = name;
    }
}

Refusal XenNotes::check(KernelRole role) const {
    if (!found) return {"it has no Xen notes: not a PV kernel"};
    if (!loader_.starts_with("generic") && !system_.starts_with("linux"))
        return {"it wants another loader than \"generic\"", loader_};
    if (!interface_.starts_with("xen-3.0")) return {"it is not made for the interface xen-3.0", interface_};
    if (!missing_.empty()) return {"it requires a feature that we do not have", missing_};
    if (paddr_offset && !virt_base) return {"its notes name an offset, but no base address"};
    if (role == KernelRole::dom0 && says_what_it_supports_ && !supports_dom0_) return {"it cannot run as dom0"};
    return {};
}

std::optional<u64> XenNotes::place(u64 physical_address, u64 size) const {
    u64 const offset = paddr_offset.value_or(0), base = virt_base.value_or(0), at = physical_address - offset;
    if (physical_address < offset || at > largest_image || size > largest_image - at) return {};
    u64 const address = base + at;
    if (address < base || address + size < address) return {};  // not the last byte of all, either
    return address;
}
}  // namespace hv::pv

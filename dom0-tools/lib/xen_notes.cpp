// SPDX-License-Identifier: MIT
#include "xen_notes.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace paravane {
namespace {
constexpr std::string_view owner{"Xen\0", 4};
constexpr std::size_t largest_value = 4096;

Error unusable(std::string why) { return Error{"", std::move(why), ENOEXEC}; }

std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// "a|!b|c": those with '!' are required of the hypervisor.
Result<> check_features(std::string_view list) {
    constexpr std::array<std::string_view, 3> offered{"writable_page_tables", "pae_pgdir_above_4gb",
                                                      "linux_rsdp_unrestricted"};
    while (!list.empty()) {
        std::size_t end = std::min(list.find('|'), list.size());
        std::string_view feature = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        if (!feature.starts_with('!')) continue;
        feature.remove_prefix(1);
        if (std::ranges::find(offered, feature) == offered.end()) {
            return unusable("the kernel requires the feature \"" + std::string{feature} +
                            "\", which PV domains do not have");
        }
    }
    return {};
}
}  // namespace

Result<> XenNotes::add(std::span<std::byte const> area) {
    while (area.size() >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr header;
        std::memcpy(&header, area.data(), sizeof header);
        area = area.subspan(sizeof header);
        std::size_t name_size = padded(header.n_namesz);
        std::size_t value_size = padded(header.n_descsz);
        // The last note's padding may be cut off.
        if (name_size > area.size() || header.n_descsz > area.size() - name_size) {
            return unusable("a note reaches behind the end of its segment");
        }
        std::string_view name{reinterpret_cast<char const*>(area.data()), header.n_namesz};
        std::string_view value{reinterpret_cast<char const*>(area.data()) + name_size, header.n_descsz};
        if (name == owner && value.size() <= largest_value) values_.insert_or_assign(header.n_type, std::string{value});
        area = area.subspan(std::min(name_size + value_size, area.size()));
    }
    return {};
}

std::optional<std::uint64_t> XenNotes::number(abi::elfnote::Type note) const {
    auto found = values_.find(note);
    if (found == values_.end()) return std::nullopt;
    std::uint64_t value = 0;
    std::size_t size = found->second.size();
    if (size != 1 && size != 2 && size != 4 && size != 8) return std::nullopt;
    std::memcpy(&value, found->second.data(), size);
    return value;
}

std::optional<std::string> XenNotes::text(abi::elfnote::Type note) const {
    auto found = values_.find(note);
    if (found == values_.end()) return std::nullopt;
    return found->second.substr(0, found->second.find('\0'));
}

Result<> XenNotes::check() const {
    std::string version = text(abi::elfnote::xen_version).value_or("xen-3.0");
    if (!version.starts_with("xen-3."))
        return unusable("the kernel is for the interface \"" + version + "\", not xen-3.0");
    std::string loader = text(abi::elfnote::loader).value_or("generic");
    if (loader != "generic") return unusable("the kernel wants the loader \"" + loader + "\", not generic");
    return check_features(text(abi::elfnote::features).value_or(""));
}
}  // namespace paravane

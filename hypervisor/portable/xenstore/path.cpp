// SPDX-License-Identifier: MIT
#include "portable/xenstore/path.hpp"
#include <algorithm>

namespace hv::xenstore {
namespace {
constexpr std::string_view domain_prefix = "/local/domain/";

bool is_allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '/' ||
           c == '_' || c == '@';
}

// Length of "/local/domain/<n>/" at the front, or 0.
usize domain_part(std::string_view path) {
    if (!path.starts_with(domain_prefix)) return 0;
    usize digits = 0;
    std::string_view rest = path.substr(domain_prefix.size());
    while (digits < rest.size() && digits < 5 && rest[digits] >= '0' && rest[digits] <= '9') ++digits;
    if (digits == 0 || digits >= rest.size() || rest[digits] != '/') return 0;
    return domain_prefix.size() + digits + 1;
}
}  // namespace

bool is_valid_path(std::string_view path, usize max_length) {
    if (!path.starts_with('/')) return false;
    if (path.size() > 1 && path.ends_with('/')) return false;
    if (path.find("//") != std::string_view::npos) return false;
    if (path.size() > domain_part(path) + max_length) return false;
    return std::all_of(path.begin(), path.end(), is_allowed);
}

std::string_view parent_of(std::string_view path) {
    usize slash = path.rfind('/');
    return slash == 0 || slash == std::string_view::npos ? std::string_view{"/"} : path.substr(0, slash);
}

std::string_view basename_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view take_component(std::string_view& path) {
    path.remove_prefix(1);
    usize slash = std::min(path.find('/'), path.size());
    std::string_view component = path.substr(0, slash);
    path.remove_prefix(slash);
    return component;
}
}  // namespace hv::xenstore

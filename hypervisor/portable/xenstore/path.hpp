// SPDX-License-Identifier: MIT
// Names of nodes: "/local/domain/3/name". Everything here takes and gives absolute paths.
#pragma once
#include <string_view>
#include "portable/base/types.hpp"

namespace hv::xenstore {
// Absolute, made of [A-Za-z0-9-/_@], no empty component, no slash at the end, not too long. The limit is for the part
// below /local/domain/<n>/, so that a domain's relative names have the same room whatever its number.
bool is_valid_path(std::string_view path, usize max_length);

constexpr bool is_special(std::string_view name) { return name.starts_with('@'); }  // no path: "@releaseDomain"
std::string_view parent_of(std::string_view path);                                  // of "/" it is "/"
std::string_view basename_of(std::string_view path);                                // of "/" it is ""

// Takes the first component off a path below the root: "/a/b" -> "a", leaving "/b".
std::string_view take_component(std::string_view& path);
}  // namespace hv::xenstore

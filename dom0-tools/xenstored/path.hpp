// SPDX-License-Identifier: MIT
// Names of nodes: "/local/domain/3/name". Everything here takes and gives absolute paths unless it says otherwise.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace paravane::xenstored {
// Absolute, made of [A-Za-z0-9-/_@], no empty component, no slash at the end, not too long. The limit is for the part
// below /local/domain/<n>/, so that a domain's relative names have the same room whatever its number.
bool is_valid_path(std::string_view path, std::size_t max_length);

// A name as a client of that base path gives it: absolute and special ("@...") names stay.
std::string absolute_path(std::string_view base, std::string_view name);

inline bool is_special(std::string_view name) { return name.starts_with('@'); }
std::string_view parent_of(std::string_view path);    // of "/" it is "/"
std::string_view basename_of(std::string_view path);  // of "/" it is ""
std::string join(std::string_view parent, std::string_view child);

// Takes the first component off a path below the root: "/a/b" -> "a", leaving "/b".
std::string_view take_component(std::string_view& path);
}  // namespace paravane::xenstored

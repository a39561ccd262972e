// SPDX-License-Identifier: MIT
// Names of nodes as clients give them: relative to a base path, or not.
#pragma once
#include <string>

#include "portable/xenstore/path.hpp"

namespace paravane::xenstored {
using hv::xenstore::basename_of;
using hv::xenstore::is_special;
using hv::xenstore::is_valid_path;
using hv::xenstore::parent_of;
using hv::xenstore::take_component;

// Absolute and special ("@...") names stay.
inline std::string absolute_path(std::string_view base, std::string_view name) {
    if (name.starts_with('/') || is_special(name)) return std::string{name};
    return std::string{base == "/" ? "" : base}.append("/").append(name);
}
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// A domain's handle: a uuid, as the hypervisor keeps it.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "hypercall/domain_info.hpp"

namespace paravane {
std::string to_string(DomainHandle const& handle);
DomainHandle random_handle();
std::optional<DomainHandle> parse_uuid(std::string_view text);  // in lower case, with its dashes
}  // namespace paravane

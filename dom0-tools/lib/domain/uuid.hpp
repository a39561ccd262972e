// SPDX-License-Identifier: MIT
// A domain's handle: a uuid, as the hypervisor keeps it.
#pragma once
#include <string>

#include "hypercall/domain_info.hpp"

namespace paravane {
std::string to_string(DomainHandle const& handle);
DomainHandle random_handle();
}  // namespace paravane

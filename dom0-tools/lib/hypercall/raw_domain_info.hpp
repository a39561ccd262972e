// SPDX-License-Identifier: MIT
// For domctl.cpp and sysctl.cpp, which both get such structures.
#pragma once
#include "hypercall/domain_info.hpp"
#include "public/domctl.hpp"

namespace paravane {
DomainInfo to_domain_info(abi::DomctlGetdomaininfo const& raw);
}  // namespace paravane

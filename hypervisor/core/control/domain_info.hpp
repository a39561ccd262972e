// SPDX-License-Identifier: MIT
// What tools see of a domain: domctl getdomaininfo and sysctl getdomaininfolist.
#pragma once
#include "core/domain.hpp"
#include "public/domctl.hpp"

namespace hv::control {
abi::DomctlGetdomaininfo describe_domain(Domain& domain);
}  // namespace hv::control

// SPDX-License-Identifier: MIT
// xen_version: what the hypervisor says of itself.
#pragma once
#include <string>

#include "hypercall/call.hpp"

namespace paravane {
struct VersionFacts {
    std::string version, capabilities, changeset;
};

Result<VersionFacts> hypervisor_version(XenCall& xen);
}  // namespace paravane

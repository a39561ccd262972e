// SPDX-License-Identifier: MIT
// All typed hypercalls over one handle of privcmd.
#pragma once
#include <memory>

#include "hypercall/domctl.hpp"
#include "hypercall/event_channel.hpp"
#include "hypercall/memory.hpp"
#include "hypercall/sysctl.hpp"
#include "hypercall/version.hpp"

namespace paravane {
class Hypervisor {
    std::unique_ptr<XenCall> xen_;  // before those that refer to it, and where they find it after a move

public:
    explicit Hypervisor(XenCall xen) : xen_{std::make_unique<XenCall>(std::move(xen))} {}
    static Result<Hypervisor> open() { return Hypervisor{TRY(XenCall::open())}; }

    Domctl domctl{*xen_};
    Sysctl sysctl{*xen_};
    DomainMemory memory{*xen_};

    Result<std::uint32_t> allocate_port(std::uint16_t domid) { return paravane::allocate_port(*xen_, domid); }
    Result<VersionFacts> version() { return hypervisor_version(*xen_); }
};
}  // namespace paravane

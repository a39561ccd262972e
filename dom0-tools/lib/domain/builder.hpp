// SPDX-License-Identifier: MIT
// Fills a domain that the hypervisor has just created: memory, kernel, initrd, page tables, start_info, vCPU 0, and the
// two grants its console and xenstore backends need. What can be wrong with the files is found before a domain exists:
// first prepare(), then build(). A domain whose build failed is good for nothing but destroying.
#pragma once
#include "hypercall/hypervisor.hpp"
#include "kernel/image_reader.hpp"
#include "os/error.hpp"
#include "xen/foreign.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "portable/kernel/layout.hpp"

namespace paravane {
using hv::page_size;

// A domain's content, checked and laid out. Must not outlive the reader that it came from.
struct PreparedDomain {
    Images images;
    hv::pv::BootLayout layout{};
    std::string cmdline;
};

// Takes as long as the reader does: no lock may be held meanwhile.
Result<PreparedDomain> prepare_domain(ImageReader& reader, ImageFiles const& files, std::string const& cmdline,
                                      std::uint64_t memory, std::stop_token stop = {});

struct DomainPorts {
    std::uint32_t xenstore;
    std::uint32_t console;

    bool operator==(DomainPorts const&) const = default;
};

struct BuiltDomain {
    std::uint64_t xenstore_frame;  // machine frame of the ring page
    std::uint64_t console_frame;

    bool operator==(BuiltDomain const&) const = default;
};

Result<BuiltDomain> build_domain(Hypervisor& hypervisor, XenForeign& foreign, std::uint16_t domid, DomainPorts ports,
                                 PreparedDomain const& prepared);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// Fills a domain that the hypervisor has just created: memory, kernel, initrd, page tables, start_info, vCPU 0, and the
// two grants its console and xenstore backends need. What can be wrong with the files is found before a domain exists:
// first prepare(), then build(). A domain whose build failed is good for nothing but destroying.
#pragma once
#include "hypercall/hypervisor.hpp"
#include "kernel/kernel_image.hpp"
#include "os/error.hpp"
#include "os/owned_fd.hpp"
#include "xen/foreign.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "portable/kernel/layout.hpp"

namespace paravane {
struct BootFiles {
    std::string kernel;
    std::string initrd;  // empty: none
    std::string cmdline;
    std::uint64_t memory = 0;  // bytes
};

// A domain's content, checked and laid out.
struct PreparedDomain {
    std::vector<std::byte> elf;
    hv::pv::KernelImage kernel{};
    hv::pv::BootLayout layout{};
    std::string initrd_path;
    OwnedFd initrd;
    std::uint64_t initrd_size = 0;
    std::string cmdline;
};

Result<PreparedDomain> prepare_domain(BootFiles const& files);

struct DomainPorts {
    std::uint32_t xenstore;
    std::uint32_t console;
};

struct BuiltDomain {
    std::uint64_t xenstore_frame;  // machine frame of the ring page
    std::uint64_t console_frame;
};

Result<BuiltDomain> build_domain(Hypervisor& hypervisor, XenForeign& foreign, std::uint16_t domid, DomainPorts ports,
                                 PreparedDomain const& prepared);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// sysctl, interface 0x15: the machine and all its domains.
#pragma once
#include <string>
#include <vector>

#include "hypercall/call.hpp"
#include "hypercall/domain_info.hpp"

namespace paravane {
struct MachineFacts {
    std::uint32_t cpus, cpu_khz;
    std::uint64_t total_pages, free_pages;
};

class Sysctl {
public:
    explicit Sysctl(XenCall& xen) : xen_{xen} {}

    Result<std::vector<DomainInfo>> list_domains();
    Result<MachineFacts> machine();
    Result<std::string> read_console(bool clear);

private:
    XenCall& xen_;
};
}  // namespace paravane

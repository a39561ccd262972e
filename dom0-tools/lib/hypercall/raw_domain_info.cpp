// SPDX-License-Identifier: MIT
#include "hypercall/raw_domain_info.hpp"

#include <algorithm>

namespace paravane {
DomainInfo to_domain_info(abi::DomctlGetdomaininfo const& raw) {
    DomainInfo info{};
    info.id = raw.domain.value;
    info.dying = (raw.flags & abi::dominf::dying) != 0;
    info.shutdown = (raw.flags & abi::dominf::shutdown) != 0;
    info.paused = (raw.flags & abi::dominf::paused) != 0;
    info.blocked = (raw.flags & abi::dominf::blocked) != 0;
    info.running = (raw.flags & abi::dominf::running) != 0;
    info.reason = static_cast<ShutdownReason>(raw.flags >> abi::dominf::shutdown_shift & abi::dominf::shutdown_mask);
    info.pages = raw.tot_pages;
    info.shared_info_frame = raw.shared_info_frame.value;
    info.cpu_time_ns = raw.cpu_time;
    info.online_vcpus = raw.nr_online_vcpus;
    std::copy_n(raw.handle.bytes, info.handle.size(), info.handle.begin());
    return info;
}
}  // namespace paravane

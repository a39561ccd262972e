// SPDX-License-Identifier: MIT
// A new domain's memory: memory_op, and what of mmuext_op and grant_table_op its builder needs.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "hypercall/call.hpp"

namespace paravane {
class DomainMemory {
public:
    explicit DomainMemory(XenCall& xen) : xen_{xen} {}

    // Memory for the pages `pfns` stand for, each 2^order frames: their machine frames, as many as there were.
    Result<std::vector<std::uint64_t>> populate(std::uint16_t domid, std::span<std::uint64_t const> pfns,
                                                unsigned order);
    Result<> pin_l4(std::uint16_t domid, std::uint64_t frame);
    // Where the grant table's first frame is, for hypervisors or kernels that cannot map it as a resource.
    Result<std::uint64_t> grant_table_frame(std::uint16_t domid);

private:
    XenCall& xen_;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
// What is done so that a guest cannot steer speculation in the hypervisor or in another domain.
#pragma once
#include <optional>
#include "base/types.hpp"

namespace hv::speculation {
// What the processor has, and what the command line says; nothing said leaves the choice to the processor.
struct Request {
    bool has_ibrs_all = false;  // predictions of less privileged code are never used (SDM volume 4, IA32_SPEC_CTRL)
    bool has_ibpb = false;
    std::optional<bool> retpolines{};
    std::optional<bool> ibpb{};
};
struct Choice {
    bool retpolines;
    bool ibpb;  // at every switch from a domain to another
};
constexpr Choice choose(Request const& request) {
    return {.retpolines = request.retpolines.value_or(!request.has_ibrs_all),
            .ibpb = request.has_ibpb && request.ibpb.value_or(true)};
}

void init(std::optional<bool> retpolines, std::optional<bool> ibpb);  // once, while our code can still be written
void enter_domain(CpuId cpu, Time created);                           // by the time of its creation, which is its own
}  // namespace hv::speculation

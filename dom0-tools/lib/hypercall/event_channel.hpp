// SPDX-License-Identifier: MIT
// event_channel_op, for another domain: what /dev/xen/evtchn has no call for.
#pragma once
#include <cstdint>

#include "hypercall/call.hpp"

namespace paravane {
// A port of `domid` that dom0 may bind to.
Result<std::uint32_t> allocate_port(XenCall& xen, std::uint16_t domid);
}  // namespace paravane

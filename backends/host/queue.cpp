// SPDX-License-Identifier: MIT
#include "host/queue.hpp"

#include <sys/ioctl.h>
#include <xen/xen.h>
// Relies on the types of the one before it.
#include <xen/evtchn.h>

namespace paravane::host {
Result<Queue> Queue::open(XenEvtchn evtchn, GrantDevice& grants, std::uint16_t domid,
                          std::span<std::uint32_t const> refs, std::uint32_t port) {
    MappedGrants pages = TRY(grants.map(refs));
    XenEvtchn::Port local = TRY(evtchn.bind_interdomain(domid, port));
    // Not every kernel can; the filter of system calls leaves nothing but notifying in any case.
    (void)static_cast<bool>(evtchn.restrict_to(domid));
    return Queue{std::move(evtchn), local, std::move(pages)};
}

// The guest may be gone by now: that is not for us to complain about.
void Queue::notify() { (void)static_cast<bool>(evtchn_.notify(port_)); }

unsigned long Queue::notify_request() { return IOCTL_EVTCHN_NOTIFY; }

Result<bool> Queue::take_event() {
    std::optional<XenEvtchn::Port> pending = TRY(evtchn_.pending());
    masked_ = masked_ || pending.has_value();
    return pending.has_value();
}

Result<> Queue::rearm() {
    if (!masked_) return {};
    masked_ = false;
    return evtchn_.unmask(port_);
}
}  // namespace paravane::host

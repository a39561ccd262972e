// SPDX-License-Identifier: MIT
// What a backend has of one ring of its guest: the pages, mapped, and the event channel, bound. Taking it up is the
// same for a guest that has just connected and for one whose former backend was killed: whatever was sent in between
// raised no event here, so the ring is looked at first, and the guest is notified once.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "os/error.hpp"
#include "xen/evtchn.hpp"
#include "xen/grant_device.hpp"

namespace paravane::host {
class Queue {
public:
    // From here on the event channel is all that the handle can reach, where the kernel can restrict it.
    static Result<Queue> open(XenEvtchn evtchn, GrantDevice& grants, std::uint16_t domid,
                              std::span<std::uint32_t const> refs, std::uint32_t port);

    void* page() const { return pages_.data(); }
    std::size_t size() const { return pages_.size(); }
    int fd() const { return evtchn_.fd(); }

    void notify();
    static unsigned long notify_request();  // the one ioctl that is needed from then on
    // Takes a pending event; no other comes until rearm().
    Result<bool> take_event();
    Result<> rearm();

private:
    Queue(XenEvtchn evtchn, XenEvtchn::Port port, MappedGrants pages)
        : evtchn_{std::move(evtchn)}, port_{port}, pages_{std::move(pages)} {}

    XenEvtchn evtchn_;
    XenEvtchn::Port port_;
    MappedGrants pages_;
    bool masked_ = false;
};
}  // namespace paravane::host

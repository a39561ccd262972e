// SPDX-License-Identifier: MIT
// Event channels of this domain through /dev/xen/evtchn (libxenevtchn). Closing the object closes all its ports.
#pragma once
#include "os/error.hpp"
#include "os/owned_fd.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

struct xenevtchn_handle;

namespace paravane {
class XenEvtchn {
public:
    using Port = std::uint32_t;

    static Result<XenEvtchn> open();
    // Of a descriptor of the device that somebody else has opened, who may.
    static Result<XenEvtchn> adopt(OwnedFd fd);

    // Readable when a port is pending; non-blocking.
    int fd() const;

    Result<Port> bind_interdomain(std::uint16_t remote_domid, Port remote_port);
    Result<Port> bind_virq(unsigned virq);
    Result<> unbind(Port port);
    Result<> notify(Port port);

    // The next pending port, which stays masked until unmask(); none if nothing is pending.
    Result<std::optional<Port>> pending();
    Result<> unmask(Port port);

    // From now on this handle can only talk to that domain (for backends that drop privileges).
    Result<> restrict_to(std::uint16_t domid);

    // The ioctls that binding to a domain, unbinding and notifying are.
    static std::array<unsigned long, 3> requests();

private:
    struct Closer {
        void operator()(xenevtchn_handle* handle) const;
    };
    explicit XenEvtchn(xenevtchn_handle* handle) : handle_{handle} {}
    static Result<XenEvtchn> without_blocking(XenEvtchn evtchn);

    std::unique_ptr<xenevtchn_handle, Closer> handle_;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "xen/evtchn.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <xen/xen.h>
// Relies on the types of the one before it.
#include <xen/evtchn.h>

extern "C" {
#include <xenevtchn.h>
}

namespace paravane {
void XenEvtchn::Closer::operator()(xenevtchn_handle* handle) const { xenevtchn_close(handle); }

Result<XenEvtchn> XenEvtchn::open() {
    xenevtchn_handle* handle = xenevtchn_open(nullptr, 0);
    if (handle == nullptr) { return Error::from_errno("open /dev/xen/evtchn"); }
    return without_blocking(XenEvtchn{handle});
}

Result<XenEvtchn> XenEvtchn::adopt(OwnedFd fd) {
    xenevtchn_handle* handle = xenevtchn_fdopen(nullptr, fd.get(), 0);
    if (handle == nullptr) return Error::from_errno("take over /dev/xen/evtchn");
    (void)std::move(fd).release();
    return without_blocking(XenEvtchn{handle});
}

Result<XenEvtchn> XenEvtchn::without_blocking(XenEvtchn evtchn) {
    int flags = fcntl(evtchn.fd(), F_GETFL);
    if (flags < 0 || fcntl(evtchn.fd(), F_SETFL, flags | O_NONBLOCK) < 0) {
        return Error::from_errno("make /dev/xen/evtchn non-blocking");
    }
    return evtchn;
}

int XenEvtchn::fd() const { return xenevtchn_fd(handle_.get()); }

Result<XenEvtchn::Port> XenEvtchn::bind_interdomain(std::uint16_t remote_domid, Port remote_port) {
    int port = xenevtchn_bind_interdomain(handle_.get(), remote_domid, remote_port);
    if (port < 0) {
        return Error::from_errno("bind event channel " + std::to_string(remote_port) + " of domain " +
                                 std::to_string(remote_domid));
    }
    return static_cast<Port>(port);
}

Result<XenEvtchn::Port> XenEvtchn::bind_virq(unsigned virq) {
    int port = xenevtchn_bind_virq(handle_.get(), virq);
    if (port < 0) { return Error::from_errno("bind virtual interrupt " + std::to_string(virq)); }
    return static_cast<Port>(port);
}

Result<> XenEvtchn::unbind(Port port) {
    if (xenevtchn_unbind(handle_.get(), port) < 0) {
        return Error::from_errno("unbind event channel " + std::to_string(port));
    }
    return {};
}

Result<> XenEvtchn::notify(Port port) {
    if (xenevtchn_notify(handle_.get(), port) < 0) {
        return Error::from_errno("notify event channel " + std::to_string(port));
    }
    return {};
}

Result<std::optional<XenEvtchn::Port>> XenEvtchn::pending() {
    int port = xenevtchn_pending(handle_.get());
    if (port >= 0) { return std::optional{static_cast<Port>(port)}; }
    if (errno == EAGAIN || errno == EINTR) { return std::optional<Port>{}; }
    return Error::from_errno("read pending event channels");
}

Result<> XenEvtchn::unmask(Port port) {
    if (xenevtchn_unmask(handle_.get(), port) < 0) {
        return Error::from_errno("unmask event channel " + std::to_string(port));
    }
    return {};
}

Result<> XenEvtchn::restrict_to(std::uint16_t domid) {
    if (xenevtchn_restrict(handle_.get(), domid) < 0) {
        return Error::from_errno("restrict event channels to domain " + std::to_string(domid));
    }
    return {};
}

std::array<unsigned long, 3> XenEvtchn::requests() {
    return {IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_UNBIND, IOCTL_EVTCHN_NOTIFY};
}
}  // namespace paravane

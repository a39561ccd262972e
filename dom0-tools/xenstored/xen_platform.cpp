// SPDX-License-Identifier: MIT
#include "xen_platform.hpp"

#include "log.hpp"

namespace paravane::xenstored {
namespace {
constexpr unsigned hypercall_domctl = 36;
constexpr std::uint32_t domctl_getdomaininfo = 5;
constexpr std::uint32_t domctl_version = 0x15;  // Xen 4.17
constexpr unsigned virq_dom_exc = 3;
constexpr std::uint32_t store_grant = 1;  // GNTTAB_RESERVED_XENSTORE

// The beginning of struct xen_domctl with a getdomaininfo in it (domctl.h); the rest is not looked at.
struct DomainInfoCall {
    std::uint32_t command;
    std::uint32_t version;
    std::uint16_t domid;  // of the first domain from this one on, which may be another
    std::uint16_t pad[3];
    std::uint16_t found;
    std::uint16_t pad1;
    std::uint32_t flags;
    std::byte rest[120];
};
static_assert(sizeof(DomainInfoCall) == 144 && offsetof(DomainInfoCall, found) == 16 &&
              offsetof(DomainInfoCall, flags) == 20);

constexpr std::uint32_t flag_dying = 1;
constexpr std::uint32_t flag_shutdown = 4;

Errno to_errno(Error const& error) {
    switch (error.code) {
        case EACCES: return Errno::eacces;
        case EEXIST: return Errno::eexist;
        case ENOENT: return Errno::enoent;
        case ENOMEM: return Errno::enomem;
        case ENOSPC: return Errno::enospc;
        case EIO: return Errno::eio;
        case ENOSYS: return Errno::enosys;
        case EBUSY: return Errno::ebusy;
        case EAGAIN: return Errno::eagain;
        case EPERM: return Errno::eperm;
        default: return Errno::einval;
    }
}
}  // namespace

Result<std::unique_ptr<XenPlatform>> XenPlatform::open() {
    XenCall call = TRY(XenCall::open());
    HypercallBuffer buffer = TRY(call.allocate(sizeof(DomainInfoCall)));
    XenEvtchn evtchn = TRY(XenEvtchn::open());
    XenGnttab gnttab = TRY(XenGnttab::open());
    std::uint32_t port = TRY(evtchn.bind_virq(virq_dom_exc));
    return std::unique_ptr<XenPlatform>{
        new XenPlatform{std::move(call), std::move(buffer), std::move(evtchn), std::move(gnttab), port}};
}

DomainState XenPlatform::state_of(Domid domid) {
    auto& info = buffer_.as<DomainInfoCall>();
    info = {};
    info.command = domctl_getdomaininfo;
    info.version = domctl_version;
    info.domid = domid;
    std::string step = "get the state of domain " + std::to_string(domid);
    Result<int> done = call_.call(step, hypercall_domctl, {buffer_.address()});
    if (!done) {
        if (done.error().code == ESRCH) return DomainState::absent;
        // Without an answer nobody's nodes are thrown away.
        log::error(done.error().message());
        return DomainState::running;
    }
    if (info.found != domid) return DomainState::absent;
    if (info.flags & flag_dying) return DomainState::dying;
    return info.flags & flag_shutdown ? DomainState::shut_down : DomainState::running;
}

Result<MappedPage> XenPlatform::map_page(Domid domid) {
    if (domid == dom0) return MappedPage{TRY(KernelPage::map())};
    return MappedPage{TRY(gnttab_.map(domid, store_grant, GrantAccess::read_write))};
}

Outcome<> XenPlatform::connect(Session& session, std::uint32_t port) {
    Domid domid = session.caller.self.domid;
    Result<MappedPage> page = map_page(domid);
    if (!page) {
        log::error(page.error().message());
        return to_errno(page.error());
    }
    Result<XenEvtchn::Port> bound = evtchn_.bind_interdomain(domid, port);
    if (!bound) {
        log::error(bound.error().message());
        return to_errno(bound.error());
    }
    RingClient client{session.id, ring_page(*page)};
    // A guest's ring starts empty, whatever a saved image left in it; dom0's kernel may have asked already.
    if (domid != dom0) client.restart();
    client.ring().complete_reconnect();
    rings_[session.id] = std::make_unique<Connection>(Connection{*std::move(page), *bound, client});
    by_port_[*bound] = session.id;
    notify(session.id);
    return {};
}

Outcome<> XenPlatform::reconnect(Session& session, std::uint32_t port) {
    auto known = rings_.find(session.id);
    if (known == rings_.end()) return Errno::einval;
    Connection& connection = *known->second;
    unbind(connection);
    connection.client.restart();
    Result<XenEvtchn::Port> bound = evtchn_.bind_interdomain(session.caller.self.domid, port);
    if (!bound) {
        log::error(bound.error().message());
        return to_errno(bound.error());
    }
    connection.port = *bound;
    by_port_[*bound] = session.id;
    connection.client.ring().complete_reconnect();
    notify(session.id);
    return {};
}

void XenPlatform::unbind(Connection& connection) {
    if (connection.port == 0) return;
    by_port_.erase(connection.port);
    if (Result<> unbound = evtchn_.unbind(connection.port); !unbound) log::error(unbound.error().message());
    connection.port = 0;
}

void XenPlatform::disconnect(Session& session) {
    auto known = rings_.find(session.id);
    if (known == rings_.end()) return;
    unbind(*known->second);
    rings_.erase(known);
}

void XenPlatform::log(std::string_view line) { log::info(line); }

void NoPlatform::log(std::string_view line) { log::info(line); }

RingClient* XenPlatform::ring_of(SessionId session) {
    auto known = rings_.find(session);
    return known == rings_.end() ? nullptr : &known->second->client;
}

void XenPlatform::notify(SessionId session) {
    auto known = rings_.find(session);
    if (known == rings_.end() || known->second->port == 0) return;
    // Fails only when the domain is gone, which VIRQ_DOM_EXC tells.
    static_cast<void>(evtchn_.notify(known->second->port));
}

Result<bool> XenPlatform::take_events(std::function<void(SessionId)> const& on_ring) {
    constexpr int most = 64;
    bool domains_changed = false;
    for (int i = 0; i < most; ++i) {
        std::optional<XenEvtchn::Port> port = TRY(evtchn_.pending());
        if (!port) break;
        if (*port == domain_port_) {
            domains_changed = true;
        } else if (auto known = by_port_.find(*port); known != by_port_.end()) {
            on_ring(known->second);
        }
        // Unmasked before its ring is looked at, so that no event is lost in between.
        static_cast<void>(evtchn_.unmask(*port));
    }
    return domains_changed;
}
}  // namespace paravane::xenstored

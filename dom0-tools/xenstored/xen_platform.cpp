// SPDX-License-Identifier: MIT
#include "xen_platform.hpp"

#include "os/log.hpp"
#include "public/event_channel.hpp"
#include "public/grant_table.hpp"

namespace paravane::xenstored {
namespace {
// Errors that the protocol has no name for are EINVAL to its clients.
Errno to_errno(Error const& error) { return hv::xenstore::as_protocol_error(Errno{error.code}).error; }

DomainState state_in(DomainInfo const& info) {
    if (info.dying) return DomainState::dying;
    return info.shutdown ? DomainState::shut_down : DomainState::running;
}
}  // namespace

Result<std::unique_ptr<XenPlatform>> XenPlatform::open() {
    XenCall call = TRY(XenCall::open());
    XenEvtchn evtchn = TRY(XenEvtchn::open());
    XenGnttab gnttab = TRY(XenGnttab::open());
    std::uint32_t port = TRY(evtchn.bind_virq(abi::virq::dom_exc));
    return std::unique_ptr<XenPlatform>{new XenPlatform{std::move(call), std::move(evtchn), std::move(gnttab), port}};
}

std::optional<std::map<Domid, DomainState>> XenPlatform::domain_states() {
    Result<std::vector<DomainInfo>> domains = sysctl_.list_domains();
    if (!domains) {
        log::error(domains.error().message());
        return std::nullopt;
    }
    std::map<Domid, DomainState> states;
    for (DomainInfo const& info : *domains) states.emplace(info.id, state_in(info));
    return states;
}

DomainState XenPlatform::state_of(Domid domid) {
    Result<DomainInfo> info = domctl_.domain_info(domid);
    if (!info) {
        if (info.error().kind == ErrorKind::not_found) return DomainState::absent;
        // Without an answer nobody's nodes are thrown away.
        log::error(info.error().message());
        return DomainState::running;
    }
    return state_in(*info);
}

Result<MappedPage> XenPlatform::map_page(Domid domid) {
    if (domid == dom0) return MappedPage{TRY(KernelPage::map())};
    return MappedPage{TRY(gnttab_.map(domid, abi::gnttab_reserved_xenstore.value, GrantAccess::read_write))};
}

Outcome<> XenPlatform::bind(Session const& session, std::uint32_t port) {
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
    rings_[session.id] = std::make_unique<Connection>(Connection{*std::move(page), *bound, client});
    by_port_[*bound] = session.id;
    return {};
}

Outcome<RingPlace> XenPlatform::connect(Session& session, std::uint32_t port) {
    TRY(bind(session, port));
    RingClient& client = rings_[session.id]->client;
    // A guest's ring starts empty, whatever a saved image left in it; dom0's kernel may have asked already.
    if (session.caller.self.domid != dom0) client.restart();
    client.ring().complete_reconnect();
    return client.ring().place();
}

Outcome<> XenPlatform::resume(Session& session, std::uint32_t port) {
    if (rings_.contains(session.id)) return {};  // it was us who connected it
    TRY(bind(session, port));
    RingClient& client = rings_[session.id]->client;
    client.go_on_at(session.place);
    client.ring().complete_reconnect();
    return {};
}

Outcome<RingPlace> XenPlatform::reconnect(Session& session, std::uint32_t port) {
    auto known = rings_.find(session.id);
    if (known == rings_.end()) return connect(session, port);
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
    return connection.client.ring().place();
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

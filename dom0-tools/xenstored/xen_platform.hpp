// SPDX-License-Identifier: MIT
// The hypervisor as the store needs it: the states of domains, their ring pages and their event channels.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "hypercall/domctl.hpp"
#include "hypercall/sysctl.hpp"
#include "ring_client.hpp"
#include "server.hpp"
#include "transport_ring.hpp"
#include "xen/evtchn.hpp"
#include "xen/gnttab.hpp"

namespace paravane::xenstored {
class XenPlatform final : public Platform {
public:
    static Result<std::unique_ptr<XenPlatform>> open();

    DomainState state_of(Domid domid) override;
    std::optional<std::map<Domid, DomainState>> domain_states() override;
    Outcome<RingPlace> connect(Session& session, std::uint32_t port) override;
    Outcome<RingPlace> reconnect(Session& session, std::uint32_t port) override;
    // A ring that a process before us served, at the place that it had come to.
    Outcome<> resume(Session& session, std::uint32_t port);
    void disconnect(Session& session) override;
    void log(std::string_view line) override;

    int event_fd() const { return evtchn_.fd(); }
    RingClient* ring_of(SessionId session);
    void notify(SessionId session);
    // Takes pending events, at most a few at a time. `on_ring` hears which rings have news; says whether domains do.
    Result<bool> take_events(std::function<void(SessionId)> const& on_ring);

private:
    XenPlatform(XenCall call, XenEvtchn evtchn, XenGnttab gnttab, std::uint32_t domain_port)
        : call_{std::move(call)}, evtchn_{std::move(evtchn)}, gnttab_{std::move(gnttab)}, domain_port_{domain_port} {}
    struct Connection {
        MappedPage page;
        std::uint32_t port;
        RingClient client;
    };
    Result<MappedPage> map_page(Domid domid);
    Outcome<> bind(Session const& session, std::uint32_t port);
    void unbind(Connection& connection);

    XenCall call_;
    Domctl domctl_{call_};
    Sysctl sysctl_{call_};
    XenEvtchn evtchn_;
    XenGnttab gnttab_;
    std::uint32_t domain_port_;  // VIRQ_DOM_EXC
    std::unordered_map<SessionId, std::unique_ptr<Connection>> rings_;
    std::unordered_map<std::uint32_t, SessionId> by_port_;
};

// Where there is no hypervisor: every domain exists, none can be introduced.
class NoPlatform final : public Platform {
public:
    DomainState state_of(Domid) override { return DomainState::running; }
    std::optional<std::map<Domid, DomainState>> domain_states() override { return std::nullopt; }
    Outcome<RingPlace> connect(Session&, std::uint32_t) override { return Errno::nosys; }
    Outcome<RingPlace> reconnect(Session&, std::uint32_t) override { return Errno::nosys; }
    void disconnect(Session&) override {}
    void log(std::string_view line) override;
};
}  // namespace paravane::xenstored

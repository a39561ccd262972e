// SPDX-License-Identifier: MIT
#include "daemon.hpp"

#include <sys/signalfd.h>

#include <csignal>

#include "os/log.hpp"

namespace paravane::xenstored {
Daemon::Daemon(EventLoop loop, SocketListener listener, std::unique_ptr<XenPlatform> xen, Limits limits)
    : loop_{std::move(loop)},
      listener_{std::move(listener)},
      xen_{std::move(xen)},
      server_{xen_ ? static_cast<Platform&>(*xen_) : no_xen_, limits} {}

Result<> Daemon::start() {
    TRY(watch_signals());
    TRY(loop_.add(listener_.fd(), EPOLLIN, [this](std::uint32_t) { accept_clients(); }));
    if (!xen_) return {};
    TRY(loop_.add(xen_->event_fd(), EPOLLIN, [this](std::uint32_t) { on_xen_events(); }));
    std::uint32_t port = TRY(kernel_store_port());
    if (Outcome<> introduced = server_.introduce(dom0, port); !introduced) {
        return Error{"connect to the ring of dom0's kernel", std::string{name_of(introduced.error())}};
    }
    // Requests that came before the ring was bound have no event.
    schedule(server_.find_domain(dom0)->session->id);
    return {};
}

Result<> Daemon::watch_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return Error::from_errno("block signals");
    signals_ = OwnedFd{signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!signals_) return Error::from_errno("receive signals");
    return loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { stopping_ = true; });
}

Result<> Daemon::run() {
    while (!stopping_) {
        TRY(loop_.wait(time_to_wait()));
        now_ = std::chrono::steady_clock::now();
        for (auto at = throttled_.begin(); at != throttled_.end();) {
            if (at->second > now_) {
                ++at;
                continue;
            }
            SessionId session = at->first;
            at = throttled_.erase(at);
            schedule(session);
        }
        take_turns();
    }
    return {};
}

std::optional<std::chrono::milliseconds> Daemon::time_to_wait() {
    if (!runnable_.empty() || !runnable_guests_.empty()) return std::chrono::milliseconds{0};
    std::optional<std::chrono::milliseconds> shortest;
    for (auto const& [session, until] : throttled_) {
        auto rest = std::chrono::ceil<std::chrono::milliseconds>(until - now_);
        if (!shortest || rest < *shortest) shortest = rest;
    }
    return shortest;
}

void Daemon::schedule(SessionId session) {
    Session const* client = server_.find_session(session);
    if (client == nullptr || !scheduled_.insert(session).second) return;
    (client->caller.privileged ? runnable_ : runnable_guests_).push_back(session);
}

void Daemon::schedule_sessions_with_work() {
    for (SessionId session : server_.take_sessions_with_work()) schedule(session);
}

void Daemon::accept_clients() {
    constexpr int most = 16;
    for (int i = 0; i < most; ++i) {
        Result<OwnedFd> accepted = listener_.accept();
        if (!accepted) {
            // Most likely out of descriptors: the listener would stay readable, so it waits for a connection to end.
            log::error(accepted.error().message());
            loop_.remove(listener_.fd());
            accepting_ = false;
            return;
        }
        if (!*accepted) return;
        Session& session = server_.open_socket_session();
        int fd = accepted->get();
        SessionId id = session.id;
        SocketClient& client = sockets_.try_emplace(id, *std::move(accepted), id).first->second;
        client.registered = EPOLLIN;
        Result<> added = loop_.add(fd, EPOLLIN, [this, id](std::uint32_t) { schedule(id); });
        if (!added) {
            log::error(added.error().message());
            end_socket(id);
        }
    }
}

void Daemon::end_socket(SessionId id) {
    auto client = sockets_.find(id);
    loop_.remove(client->second.fd());
    sockets_.erase(client);
    if (Session* session = server_.find_session(id)) server_.close_session(*session);
    if (!accepting_) {
        Result<> added = loop_.add(listener_.fd(), EPOLLIN, [this](std::uint32_t) { accept_clients(); });
        accepting_ = static_cast<bool>(added);
    }
}

void Daemon::on_xen_events() {
    Result<bool> domains_changed = xen_->take_events([this](SessionId session) { schedule(session); });
    if (!domains_changed) {
        log::error(domains_changed.error().message());
        stopping_ = true;  // no guest can be heard any longer
        return;
    }
    if (*domains_changed) {
        server_.check_domains();
        schedule_sessions_with_work();
    }
}

// Everybody of dom0 who waits, then one guest: however many guests there are, dom0 waits for one of their turns.
void Daemon::take_turns() {
    // Only those that were waiting at the start: events they cause are sent in the next round.
    for (std::size_t turns = runnable_.size(); turns > 0; --turns) take_next_turn(runnable_);
    if (!runnable_guests_.empty()) take_next_turn(runnable_guests_);
}

void Daemon::take_next_turn(std::deque<SessionId>& queue) {
    SessionId id = queue.front();
    queue.pop_front();
    scheduled_.erase(id);
    Session* session = server_.find_session(id);
    if (session == nullptr) return;
    Progress progress = take_turn(*session);
    schedule_sessions_with_work();
    if (progress == Progress::ended) {
        end_socket(id);
    } else if (progress == Progress::can_go_on) {
        schedule(id);
    } else {
        throttle(*session);
    }
}

Progress Daemon::take_turn(Session& session) {
    if (session.kind == ClientKind::ring) {
        RingClient* ring = xen_->ring_of(session.id);
        bool notify = false;
        Progress progress = ring->turn(server_, session, now_, notify);
        if (notify) xen_->notify(session.id);
        return progress;
    }
    SocketClient& client = sockets_.at(session.id);
    Progress progress = client.turn(server_, session, now_);
    if (progress != Progress::ended) update_interest(client, session);
    return progress;
}

void Daemon::update_interest(SocketClient& client, Session& session) {
    std::uint32_t interest = client.interest(session);
    if (interest == client.registered) return;
    client.registered = interest;
    if (Result<> changed = loop_.change(client.fd(), interest); !changed) log::error(changed.error().message());
}

void Daemon::throttle(Session const& session) {
    if (auto wait = server_.throttled_for(session)) throttled_[session.id] = now_ + *wait;
}
}  // namespace paravane::xenstored

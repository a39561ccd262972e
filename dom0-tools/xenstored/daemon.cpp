// SPDX-License-Identifier: MIT
#include "daemon.hpp"

#include "os/log.hpp"

namespace paravane::xenstored {
Daemon::Daemon(EventLoop loop, Held held, JournalMemory memory, std::unique_ptr<XenPlatform> xen, Limits limits)
    : loop_{std::move(loop)},
      held_{std::move(held)},
      memory_{std::move(memory)},
      journal_{memory_.bytes(), JournalMemory::forget},
      xen_{std::move(xen)},
      server_{xen_ ? static_cast<Platform&>(*xen_) : no_xen_, limits} {}

Result<> Daemon::start() {
    server_.keep_in(journal_);
    finish_system_call();
    TRY(take_back_sockets());
    TRY(loop_.add(held_.channel.fd(), EPOLLIN, [this](std::uint32_t) { take_clients(); }));
    if (xen_) {
        TRY(loop_.add(xen_->event_fd(), EPOLLIN, [this](std::uint32_t) { on_xen_events(); }));
        TRY(take_back_rings());
    }
    // Nobody told us what happened while there was no server.
    server_.for_each_session([this](Session& session) { schedule(session.id); });
    if (xen_) server_.check_domains();
    return {};
}

// The server before us may have been killed in one, when the bytes had moved already.
void Daemon::finish_system_call() {
    std::optional<std::size_t> moved = journal_.witnessed();
    if (!moved) return;
    Session* session = server_.find_session(journal_.witness().session);
    if (session == nullptr) return;
    if (journal_.witness().kind == Witness::Kind::send) {
        server_.took(*session, *moved);
    } else {
        server_.feed(*session, journal_.received().first(*moved));
    }
}

Result<> Daemon::take_back_sockets() {
    std::vector<Session*> without;
    server_.for_each_session([&](Session& session) {
        if (session.kind != ClientKind::socket) return;
        if (!held_.clients.contains(session.key)) without.push_back(&session);
    });
    for (Session* session : without) server_.close_session(*session);
    std::vector<Session*> with;
    server_.for_each_session([&](Session& session) {
        if (session.kind == ClientKind::socket) with.push_back(&session);
    });
    for (Session* session : with) {
        auto client = held_.clients.find(session->key);
        OwnedFd fd = std::move(client->second);
        held_.clients.erase(client);
        TRY(add_client(*session, std::move(fd)));
    }
    // The rest are those that the holder has not heard the end of, and those that nobody has heard of yet.
    for (auto& [key, fd] : std::exchange(held_.clients, {})) {
        if (key <= server_.last_key()) {
            TRY(held_.channel.send(key));
        } else {
            TRY(add_client(server_.open_socket_session(key), std::move(fd)));
        }
    }
    return {};
}

Result<> Daemon::take_back_rings() {
    std::uint32_t const port = TRY(kernel_store_port());
    Domain const* kernel = server_.find_domain(dom0);
    if (kernel->session == nullptr) {
        if (Outcome<> introduced = server_.introduce(dom0, port); !introduced) {
            return Error{"connect to the ring of dom0's kernel", std::string{name_of(introduced.error())}};
        }
    }
    Outcome<> resumed;
    server_.for_each_session([&](Session& session) {
        if (session.kind != ClientKind::ring) return;
        bool const is_kernel = session.caller.self.domid == dom0;
        // A guest without its ring has ended, or is about to; the log says why it failed.
        Outcome<> done = xen_->resume(session, is_kernel ? port : session.port);
        if (is_kernel && !done) resumed = done;
    });
    if (resumed) return {};
    return Error{"go on with the ring of dom0's kernel", std::string{name_of(resumed.error())}};
}

Result<> Daemon::run() {
    while (failure_) {
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
        server_.tidy_journal();
    }
    return std::move(failure_);
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

Result<> Daemon::add_client(Session& session, OwnedFd fd) {
    SessionId id = session.id;
    SocketClient& client = sockets_.try_emplace(id, std::move(fd), id).first->second;
    client.registered = EPOLLIN;
    schedule(id);
    return loop_.add(client.fd(), EPOLLIN, [this, id](std::uint32_t) { schedule(id); });
}

void Daemon::take_clients() {
    Result<std::optional<Channel::Message>> message = held_.channel.receive();
    if (!message) {
        failure_ = std::move(message).error();
        return;
    }
    if (!*message) return;
    Session& session = server_.open_socket_session((*message)->key);
    if (Result<> added = add_client(session, std::move((*message)->fd)); !added) {
        log::error(added.error().message());
        end_socket(session.id);
    }
}

void Daemon::end_socket(SessionId id) {
    auto client = sockets_.find(id);
    loop_.remove(client->second.fd());
    sockets_.erase(client);
    Session* session = server_.find_session(id);
    if (session == nullptr) return;
    std::uint64_t const key = session->key;
    server_.close_session(*session);
    if (Result<> told = held_.channel.send(key); !told) failure_ = std::move(told).error();
}

void Daemon::on_xen_events() {
    Result<bool> domains_changed = xen_->take_events([this](SessionId session) { schedule(session); });
    if (!domains_changed) {
        failure_ = std::move(domains_changed).error();  // no guest can be heard any longer
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
        if (ring == nullptr) return Progress::waits;
        bool notify = false;
        Progress progress = ring->turn(server_, session, now_, notify);
        if (notify) xen_->notify(session.id);
        return progress;
    }
    SocketClient& client = sockets_.at(session.id);
    Progress progress = client.turn(server_, session, journal_, now_);
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
    if (auto wait = server_.throttled_for(session, now_)) throttled_[session.id] = now_ + *wait;
}
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
#include "console/consback.hpp"

#include <grp.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "os/unix_socket.hpp"
#include "public/grant_table.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_clients = 16;
constexpr int most_rounds = 16;
constexpr std::size_t input_limit = 4096;  // typed ahead, for all clients together
constexpr int look_for_store_ms = 1000;    // while xenstored is away
constexpr auto last_words_limit = 2s;      // for clients that do not read

Result<XenstoreClient> watch_for_end() {
    XenstoreClient store = TRY(XenstoreClient::connect());
    TRY(store.watch("@releaseDomain", "end"));
    return store;
}
}  // namespace

ConsoleBackend::ConsoleBackend(ConsoleOptions options, XenEvtchn evtchn, XenEvtchn::Port port, XenGnttab gnttab,
                               GrantMapping mapping, OwnedFd listener, std::optional<LogFile> log, XenstoreClient store)
    : options_{std::move(options)},
      evtchn_{std::move(evtchn)},
      port_{port},
      gnttab_{std::move(gnttab)},
      mapping_{std::move(mapping)},
      ring_{*reinterpret_cast<abi::io::ConsoleRing*>(mapping_.data())},
      listener_{std::move(listener)},
      log_{std::move(log)},
      store_{std::move(store)},
      scrollback_{options_.scrollback} {}

Result<ConsoleBackend> ConsoleBackend::open(ConsoleOptions const& options) {
    XenEvtchn evtchn = TRY(XenEvtchn::open());
    XenGnttab gnttab = TRY(XenGnttab::open());
    GrantMapping mapping = TRY(gnttab.map(options.domid, abi::gnttab_reserved_console.value, GrantAccess::read_write));
    XenEvtchn::Port port = TRY(evtchn.bind_interdomain(options.domid, options.port));
    std::optional<LogFile> log;
    if (!options.log.empty()) log = TRY(LogFile::open(options.log));
    XenstoreClient store = TRY(watch_for_end());
    OwnedFd listener = TRY(listen_unix(options.socket));
    // Not every kernel can restrict the handle; what counts is the user id below.
    (void)static_cast<bool>(evtchn.restrict_to(options.domid));
    if (options.user && (setgroups(0, nullptr) < 0 || setgid(*options.user) < 0 || setuid(*options.user) < 0)) {
        return Error::from_errno("become user " + std::to_string(*options.user));
    }
    ConsoleBackend backend{options,           std::move(evtchn),  port,
                           std::move(gnttab), std::move(mapping), std::move(listener),
                           std::move(log),    std::move(store)};
    return backend;
}

Result<> ConsoleBackend::run() {
    // Whatever came before we were bound raised no event for us; nor did the guest's peer change reach it.
    drain_output();
    TRY(evtchn_.notify(port_));
    while (!guest_gone_) TRY(wait());
    drain_output();
    mapping_ = GrantMapping{};  // the hypervisor frees the domain when nobody holds its pages
    unlink(options_.socket.c_str());
    deliver_last_words();
    return {};
}

// Waits for anything to do and does it.
Result<> ConsoleBackend::wait() {
    constexpr std::size_t fixed = 3;
    std::vector<pollfd> waiting{{.fd = evtchn_.fd(), .events = POLLIN, .revents = 0},
                                {.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                {.fd = store_ ? store_->fd() : -1, .events = POLLIN, .revents = 0}};
    bool may_type = input_.size() < input_limit;
    for (Client const& client : clients_) {
        int events =
            (may_type && !client.input_closed ? POLLIN : 0) | (client.position < scrollback_.end() ? POLLOUT : 0);
        waiting.push_back({.fd = client.socket.get(), .events = static_cast<short>(events), .revents = 0});
    }
    if (poll(waiting.data(), waiting.size(), store_ ? -1 : look_for_store_ms) < 0 && errno != EINTR) {
        return Error::from_errno("wait for events");
    }
    if ((waiting[0].revents & (POLLIN | POLLERR)) != 0) TRY(serve_event_channel());
    std::size_t at = fixed;
    for (auto client = clients_.begin(); client != clients_.end(); ++at) {
        short happened = waiting[at].revents;
        if ((happened & POLLIN) != 0) read_from(*client);
        bool alive =
            (happened & POLLERR) == 0 && ((happened & POLLHUP) == 0 || !client->input_closed) && write_to(*client);
        client = alive ? std::next(client) : clients_.erase(client);
    }
    if ((waiting[1].revents & POLLIN) != 0) accept_client();
    if (!store_ || waiting[2].revents != 0) TRY(serve_store());
    return {};
}

Result<> ConsoleBackend::serve_event_channel() {
    std::optional<XenEvtchn::Port> pending = TRY(evtchn_.pending());
    if (!pending) return {};
    drain_output();
    feed_input();
    return evtchn_.unmask(*pending);
}

// xenstored tells of every domain that went; ours is among them when it is no longer introduced.
Result<> ConsoleBackend::serve_store() {
    if (!store_) {
        Result<XenstoreClient> again = watch_for_end();
        if (!again) return {};
        store_ = *std::move(again);
    }
    Result<std::optional<WatchEvent>> event = store_->next_event(0ms);
    if (event) {
        Result<bool> introduced = store_->is_introduced(options_.domid);
        if (introduced) {
            guest_gone_ = !*introduced;
            return {};
        }
    }
    store_.reset();
    return {};
}

// A guest that never stops printing must not keep us here: what is left over raises an event of its own.
void ConsoleBackend::drain_output() {
    for (int round = 0; round < most_rounds; ++round) {
        Result<std::string_view> text = ring_.take_output();
        if (!text) {
            if (!ring_was_damaged_) std::fprintf(stderr, "d%u: %s\n", options_.domid, text.error().message().c_str());
            ring_was_damaged_ = true;
            return;
        }
        if (text->empty()) return;
        scrollback_.append(*text);
        if (log_) log_->append(*text);
        // It may wait for room in the ring.
        (void)static_cast<bool>(evtchn_.notify(port_));
    }
}

void ConsoleBackend::feed_input() {
    std::size_t count = ring_.give_input(input_);
    if (count == 0) return;
    input_.erase(0, count);
    (void)static_cast<bool>(evtchn_.notify(port_));
}

void ConsoleBackend::accept_client() {
    OwnedFd socket{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket || clients_.size() == most_clients) return;
    clients_.push_back({std::move(socket), scrollback_.begin(), false});
}

void ConsoleBackend::read_from(Client& client) {
    char buffer[512];
    std::size_t room = std::min(sizeof buffer, input_limit - std::min(input_.size(), input_limit));
    if (room == 0) return;
    ssize_t count = recv(client.socket.get(), buffer, room, 0);
    if (count > 0) {
        input_.append(buffer, static_cast<std::size_t>(count));
        feed_input();
    } else if (count == 0) {
        client.input_closed = true;
    }
}

// False when the client is no longer there.
bool ConsoleBackend::write_to(Client& client) {
    client.position = std::max(client.position, scrollback_.begin());  // too slow: the oldest output is lost to it
    while (client.position < scrollback_.end()) {
        std::string_view text = scrollback_.from(client.position);
        ssize_t count = send(client.socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno == EAGAIN;
        client.position += static_cast<std::uint64_t>(count);
    }
    return true;
}

void ConsoleBackend::deliver_last_words() {
    auto limit = Clock::now() + last_words_limit;
    accept_client();
    for (;;) {
        clients_.remove_if([&](Client& client) { return !write_to(client) || client.position == scrollback_.end(); });
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(limit - Clock::now());
        if (clients_.empty() || left <= 0ms) return;
        std::vector<pollfd> waiting;
        for (Client const& client : clients_) {
            waiting.push_back({.fd = client.socket.get(), .events = POLLOUT, .revents = 0});
        }
        poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    }
}
}  // namespace paravane

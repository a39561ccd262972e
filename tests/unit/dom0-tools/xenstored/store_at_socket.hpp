// SPDX-License-Identifier: MIT
// xenstored's own server, which a thread serves at a socket.
#pragma once
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <string>
#include <thread>

#include "os/io.hpp"
#include "os/unix_socket.hpp"
#include "xenstored/server.hpp"

namespace test {
using namespace paravane;
using xenstored::Server;
using xenstored::Session;

class NoDomains final : public xenstored::Platform {
public:
    xenstored::DomainState state_of(xenstored::Domid) override { return xenstored::DomainState::absent; }
    std::optional<std::map<xenstored::Domid, xenstored::DomainState>> domain_states() override { return {}; }
    xenstored::Outcome<xenstored::RingPlace> connect(Session&, std::uint32_t) override {
        return xenstored::RingPlace{};
    }
    xenstored::Outcome<xenstored::RingPlace> reconnect(Session&, std::uint32_t) override {
        return xenstored::RingPlace{};
    }
    void disconnect(Session&) override {}
    void log(std::string_view) override {}
};

// Until the listener is shut.
class StoreAtSocket {
public:
    explicit StoreAtSocket(std::string const& path) : listener_{*listen_unix(path)}, thread_{[this] { run(); }} {}
    ~StoreAtSocket() { shutdown(listener_.get(), SHUT_RDWR); }

private:
    struct Connection {
        OwnedFd socket;
        Session& session;
    };

    void run() {
        for (;;) {
            std::vector<pollfd> waiting{{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
            for (Connection const& one : connections_) waiting.push_back({one.socket.get(), POLLIN, 0});
            poll(waiting.data(), waiting.size(), -1);
            if (waiting[0].revents != 0) {
                OwnedFd client{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
                if (!client) return;
                connections_.push_back({std::move(client), server_.open_socket_session()});
            }
            for (std::size_t i = 1; i < waiting.size(); ++i)
                if (waiting[i].revents != 0) hear(waiting[i].fd);
            // A request of one may be an event for another.
            for (Connection const& one : connections_) speak(one);
        }
    }

    void hear(int socket) {
        auto const one =
            std::ranges::find_if(connections_, [&](Connection const& each) { return each.socket.get() == socket; });
        std::byte chunk[4096];
        ssize_t const count = recv(socket, chunk, sizeof chunk, 0);
        if (count <= 0) {
            server_.close_session(one->session);
            connections_.erase(one);
            return;
        }
        server_.feed(one->session, std::span{chunk}.first(static_cast<std::size_t>(count)));
        while (server_.serve(one->session, 100, {})) {}
    }
    void speak(Connection const& one) {
        while (!one.session.output.empty()) {
            std::span<std::byte const> const bytes = one.session.output.front();
            if (!send_all(one.socket.get(), {reinterpret_cast<char const*>(bytes.data()), bytes.size()})) return;
            server_.took(one.session, bytes.size());
        }
    }

    NoDomains platform_;
    Server server_{platform_};
    std::list<Connection> connections_;
    OwnedFd listener_;
    std::jthread thread_;
};
}  // namespace test

// SPDX-License-Identifier: MIT
// A store with clients, for tests: requests go in as bytes, replies and events come out as a client would see them.
#pragma once
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "xenstored/server.hpp"

namespace paravane::xenstored {
// Domains that are there because a test says so; introducing one needs no ring.
class FakePlatform : public Platform {
public:
    DomainState state_of(Domid domid) override {
        ++questions;
        auto known = states.find(domid);
        return known == states.end() ? DomainState::absent : known->second;
    }
    std::optional<std::map<Domid, DomainState>> domain_states() override {
        ++questions;
        return states;
    }
    Outcome<RingPlace> connect(Session&, std::uint32_t) override {
        if (connect_error) return *connect_error;
        return RingPlace{};
    }
    Outcome<RingPlace> reconnect(Session&, std::uint32_t) override {
        ++reconnects;
        return RingPlace{};
    }
    void disconnect(Session&) override { ++disconnects; }
    void log(std::string_view line) override { lines.emplace_back(line); }

    std::map<Domid, DomainState> states;
    std::optional<Errno> connect_error;
    int questions = 0;
    int reconnects = 0;
    int disconnects = 0;
    std::vector<std::string> lines;
};

inline std::string operator""_z(char const* text, std::size_t length) { return {text, length + 1}; }

struct Event {
    std::string path;
    std::string token;
    bool operator==(Event const&) const = default;
    friend std::ostream& operator<<(std::ostream& out, Event const& event) {
        return out << event.path << " (" << event.token << ")";
    }
};

class Client {
public:
    Client(Server& server, Session& session) : server_{&server}, id_{session.id} {}

    Session& session() { return *server_->find_session(id_); }

    void send(MessageType type, std::string_view payload, std::uint32_t transaction = 0) {
        std::string bytes = encode(type, ++request_, transaction, payload);
        server_->feed(session(), std::as_bytes(std::span{bytes}));
    }
    // Lets the server work and takes all its output.
    void pump() {
        while (server_->serve(session(), 16, now)) receive();
        receive();
    }
    void receive() {
        while (!session().output.empty()) {
            std::span<std::byte const> bytes = session().output.front();
            incoming_.feed(bytes);
            server_->took(session(), bytes.size());
        }
        while (std::optional<Message> message = incoming_.next()) {
            if (message->header.type == static_cast<std::uint32_t>(MessageType::watch_event)) {
                std::vector<std::string_view> strings = strings_of(message->payload);
                events_.push_back({std::string{strings.at(0)}, std::string{strings.at(1)}});
            } else {
                replies_.push_back(*std::move(message));
            }
        }
    }

    // The reply's payload, or the name of its error.
    std::string ask(MessageType type, std::string_view payload, std::uint32_t transaction = 0) {
        send(type, payload, transaction);
        pump();
        if (replies_.empty()) return "no reply";
        Message reply = std::move(replies_.front());
        replies_.pop_front();
        last = reply.header;
        if (reply.header.type == static_cast<std::uint32_t>(MessageType::error)) return reply.payload.c_str();
        return reply.payload;
    }
    std::string ask_one(MessageType type, std::string_view text, std::uint32_t transaction = 0) {
        return ask(type, std::string{text} + '\0', transaction);
    }

    std::string write(std::string_view path, std::string_view value, std::uint32_t tx = 0) {
        return ok(ask(MessageType::write, std::string{path} + '\0' + std::string{value}, tx));
    }
    std::string read(std::string_view path, std::uint32_t tx = 0) { return ask_one(MessageType::read, path, tx); }
    std::string mkdir(std::string_view path, std::uint32_t tx = 0) { return ok(ask_one(MessageType::mkdir, path, tx)); }
    std::string rm(std::string_view path, std::uint32_t tx = 0) { return ok(ask_one(MessageType::rm, path, tx)); }
    // Names joined by commas.
    std::string list(std::string_view path, std::uint32_t tx = 0) {
        return commas(ask_one(MessageType::directory, path, tx));
    }
    std::string perms(std::string_view path, std::uint32_t tx = 0) {
        return commas(ask_one(MessageType::get_perms, path, tx));
    }
    // As in "n3,r0".
    std::string chmod(std::string_view path, std::string permissions, std::uint32_t tx = 0) {
        for (char& c : permissions) {
            if (c == ',') c = '\0';
        }
        return ok(ask(MessageType::set_perms, std::string{path} + '\0' + permissions + '\0', tx));
    }
    std::string watch(std::string_view path, std::string_view token) {
        return ok(ask(MessageType::watch, std::string{path} + '\0' + std::string{token} + '\0'));
    }
    std::string unwatch(std::string_view path, std::string_view token) {
        return ok(ask(MessageType::unwatch, std::string{path} + '\0' + std::string{token} + '\0'));
    }
    std::uint32_t begin() {
        std::string id = ask(MessageType::transaction_start, std::string_view{"", 1});
        return static_cast<std::uint32_t>(std::strtoul(id.c_str(), nullptr, 10));
    }
    std::string commit(std::uint32_t tx) { return ok(ask_one(MessageType::transaction_end, "T", tx)); }
    std::string abort(std::uint32_t tx) { return ok(ask_one(MessageType::transaction_end, "F", tx)); }
    std::vector<Event> events() {
        receive();
        return std::exchange(events_, {});
    }

    Time now{std::chrono::seconds{1}};
    Header last{};

private:
    static std::string ok(std::string reply) { return reply == std::string_view{"OK\0", 3} ? "OK" : reply; }
    static std::string commas(std::string reply) {
        if (!reply.empty() && reply.back() == '\0') reply.pop_back();
        for (char& c : reply) {
            if (c == '\0') c = ',';
        }
        return reply;
    }

    Server* server_;
    SessionId id_;
    MessageParser incoming_;
    std::deque<Message> replies_;
    std::vector<Event> events_;
    std::uint32_t request_ = 0;
};

struct TestStore {
    explicit TestStore(Limits limits = {}) : server{platform, limits} {}

    Client socket() { return {server, server.open_socket_session()}; }
    // A domain with a home of its own, as a toolstack makes it.
    Client domain(Domid domid) {
        platform.states[domid] = DomainState::running;
        std::string home = "/local/domain/" + std::to_string(domid);
        Client tools = socket();
        tools.mkdir(home);
        tools.chmod(home, "n" + std::to_string(domid));
        tools.ask(MessageType::introduce, std::to_string(domid) + '\0' + "1" + '\0' + "7" + '\0');
        return {server, *server.find_domain(domid)->session};
    }

    FakePlatform platform;
    Server server;
};
}  // namespace paravane::xenstored

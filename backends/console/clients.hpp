// SPDX-License-Identifier: MIT
// Those who look at a console, each at its own speed, and the one of them who has begun to type. None of them can hold
// up the guest or another one: what a client does not take stays in the log, and it gets that when it does, or what is
// left of it by then.
#pragma once
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "backend/console_protocol.hpp"
#include "console/log.hpp"
#include "os/event_loop.hpp"
#include "os/owned_fd.hpp"

namespace paravane::console {
class Clients {
public:
    static constexpr std::size_t most = 16;
    static constexpr std::uint64_t history = std::uint64_t{256} << 10;  // for who does not say from where
    static constexpr std::size_t typed_ahead = 4096;                    // then the one who types has to wait
    static constexpr std::size_t most_typed = std::size_t{64} << 10;    // of one who has gone

    // `typed` is called when there is more input.
    Clients(EventLoop& loop, OwnedFd listener, Log<> const& log, std::function<void()> typed);
    ~Clients();
    Clients(Clients&&) = delete;

    // What was printed so far ends there.
    Result<> start(std::uint64_t end);

    // The guest has printed this, and it is in the log, up to `end`.
    void show(std::string_view text, std::uint64_t end);
    // Takes what the guest has taken of it.
    std::string const& input() const { return input_; }
    void took_input(std::size_t count);

    // The guest has ended: nobody new, and each client is told after its last words. True when all have gone.
    bool say_farewell();

private:
    struct Client {
        OwnedFd socket;
        std::uint64_t position = 0;
        bool greeted = false, silent = false;       // silent: says nothing any more
        bool wants_to_type = false, types = false;  // types: has begun to
        Tells told = Tells::output;                 // may_type or may_not, when it was
        std::uint32_t watched = 0;
    };
    using Place = std::list<Client>::iterator;
    enum class Received { record, nothing, nonsense };
    enum class Sent { yes, later, never };

    void accept_one();
    void serve(Place client, std::uint32_t events);
    Received receive(Client& client);
    Received greet(Client& client, std::string_view record);
    static Sent send(int socket, Tells what, std::uint64_t position, std::string_view text);
    // What it lacks; false when it is no longer there, or needs nothing any more.
    bool catch_up(Client& client);
    std::uint64_t oldest() const;
    bool may_type(Client const& client) const;
    bool knows_whether_it_may(Client const& client) const;
    void watch(Client& client);
    void look_after_all();
    void drop(Place client);

    EventLoop& loop_;
    OwnedFd listener_;
    Log<> const& log_;
    std::function<void()> typed_;
    std::list<Client> clients_;  // who came first stands first
    std::string input_;          // typed, not yet in the ring
    std::uint64_t end_ = 0;
    bool farewell_ = false;
};
}  // namespace paravane::console

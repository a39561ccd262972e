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
#include "console/typed.hpp"
#include "os/event_loop.hpp"
#include "os/owned_fd.hpp"

namespace paravane::console {
class Clients {
public:
    static constexpr std::size_t most = 16;
    static constexpr std::uint64_t history = std::uint64_t{256} << 10;  // for who does not say from where

    // `on_typed` is called when there is more in `typed`.
    Clients(EventLoop& loop, OwnedFd listener, Log<> const& log, Typed<>& typed, std::function<void()> on_typed);
    ~Clients();
    Clients(Clients&&) = delete;

    // What was printed so far ends there.
    Result<> start(std::uint64_t end);

    // The guest has printed this, and it is in the log, up to `end`.
    void show(std::string_view text, std::uint64_t end);
    // There is less in `typed` now. May be called from `on_typed`.
    void guest_took_input();

    // The guest has ended: nobody new, and each client is told after its last words. True when all have gone.
    bool say_farewell();

private:
    struct Word {
        Tells what;
        Progress progress;
        friend bool operator==(Word const&, Word const&) = default;
    };
    struct Client {
        OwnedFd socket;
        std::uint64_t position = 0;
        bool greeted = false, silent = false;  // silent: says nothing any more
        std::uint64_t typist = 0;              // 0: it only looks, or not even that any more
        bool types = false;                    // it has begun to
        Word told{Tells::output, {}};
        std::uint32_t watched = 0;
    };
    using Place = std::list<Client>::iterator;
    enum class Received { record, nothing, nonsense };
    enum class Sent { yes, later, never };

    void accept_one();
    void serve(Place client, std::uint32_t events);
    Received receive(Client& client);
    Received greet(Client& client, std::string_view record);
    static Sent send(int socket, Heading heading, std::string_view text = {});
    // What it lacks; false when it is no longer there, or needs nothing any more.
    bool catch_up(Client& client);
    std::uint64_t oldest() const;
    bool may_type(Client const& client) const;
    // What it should have heard of its typing.
    Word word_for(Client const& client) const;
    bool has_heard_all(Client const& client) const;
    void watch(Client& client);
    void look_after_all();
    void drop(Place client);

    EventLoop& loop_;
    OwnedFd listener_;
    Log<> const& log_;
    Typed<>& typed_;
    std::function<void()> on_typed_;
    std::list<Client> clients_;  // who came first stands first
    std::uint64_t end_ = 0;
    bool farewell_ = false;
};
}  // namespace paravane::console

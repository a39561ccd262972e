// SPDX-License-Identifier: MIT
// Keeps what must outlive the server: the listener, every connection and the journal's memory. It reads no byte of any
// of them. The server is a process of its own; when that ends, whatever the reason, the next one goes on.
#pragma once
#include <chrono>
#include <functional>
#include <optional>

#include "held.hpp"
#include "listener.hpp"
#include "os/child.hpp"

namespace paravane::xenstored {
class Holder {
public:
    using Serve = std::function<int(Held, OwnedFd const& memory)>;

    Holder(SocketListener listener, OwnedFd memory, Serve serve)
        : listener_{std::move(listener)}, memory_{std::move(memory)}, serve_{std::move(serve)} {}

    // Until SIGTERM or SIGINT. `on_ready` is called when the first server serves.
    Result<> run(std::function<Result<>()> const& on_ready);

private:
    using Clock = std::chrono::steady_clock;

    Result<> start_server();
    Result<> on_server_end();
    Result<> on_messages(std::function<Result<>()> const& on_ready);
    void accept_client();
    void hand_over();
    Result<bool> wait_and_act(int signals, std::function<Result<>()> const& on_ready);

    SocketListener listener_;
    OwnedFd memory_;
    Serve serve_;
    std::optional<Child> server_;
    Channel channel_;
    std::map<std::uint64_t, OwnedFd> clients_;
    std::uint64_t last_key_ = 0;
    std::uint64_t handed_over_ = 0;  // the server has all up to this one
    Clock::time_point started_{};
    Clock::time_point start_at_{};
    unsigned short_lives_ = 0;
    bool accepting_ = true;  // not while descriptors are short
    bool was_ready_ = false;
};
}  // namespace paravane::xenstored

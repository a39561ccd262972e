// SPDX-License-Identifier: MIT
// epoll, with a function for each descriptor.
#pragma once
#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
class EventLoop {
public:
    using Callback = std::function<void(std::uint32_t events)>;

    static Result<EventLoop> make();

    Result<> add(int fd, std::uint32_t events, Callback callback);
    Result<> change(int fd, std::uint32_t events);
    void remove(int fd);  // also from within a callback, its own included

    // Waits for events at most that long (forever without a limit) and calls their functions.
    Result<> wait(std::optional<std::chrono::milliseconds> limit);

private:
    explicit EventLoop(OwnedFd epoll) : epoll_{std::move(epoll)} {}

    OwnedFd epoll_;
    std::unordered_map<int, std::shared_ptr<Callback>> callbacks_;
};
}  // namespace paravane

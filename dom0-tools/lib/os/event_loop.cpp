// SPDX-License-Identifier: MIT
#include "os/event_loop.hpp"

#include <algorithm>
#include <array>

namespace paravane {
Result<EventLoop> EventLoop::make() {
    OwnedFd epoll{epoll_create1(EPOLL_CLOEXEC)};
    if (!epoll) return Error::from_errno("create an epoll instance");
    return EventLoop{std::move(epoll)};
}

Result<> EventLoop::add(int fd, std::uint32_t events, Callback callback) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return Error::from_errno("watch a descriptor");
    callbacks_[fd] = std::make_shared<Callback>(std::move(callback));
    return {};
}

Result<> EventLoop::change(int fd, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) < 0) return Error::from_errno("watch a descriptor");
    return {};
}

void EventLoop::remove(int fd) {
    if (callbacks_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Result<> EventLoop::wait(std::optional<std::chrono::milliseconds> limit) {
    std::array<epoll_event, 64> events;
    constexpr std::int64_t longest = 60'000;
    int timeout = limit ? static_cast<int>(std::clamp<std::int64_t>(limit->count(), 0, longest)) : -1;
    int count = epoll_wait(epoll_.get(), events.data(), events.size(), timeout);
    if (count < 0) {
        if (errno == EINTR) return {};
        return Error::from_errno("wait for events");
    }
    for (int i = 0; i < count; ++i) {
        epoll_event const& event = events[static_cast<std::size_t>(i)];
        // Held while it runs, since it may remove itself; not there if another one of this round removed it.
        auto known = callbacks_.find(event.data.fd);
        if (known == callbacks_.end()) continue;
        std::shared_ptr<Callback> callback = known->second;
        (*callback)(event.events);
    }
    return {};
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/event_hub.hpp"

#include <utility>

namespace paravane {
namespace {
constexpr std::size_t queue_limit = 1024;
}  // namespace

EventHub::Listener::Listener(EventHub& hub) : hub_{hub} {
    std::scoped_lock lock{hub_.mutex_};
    hub_.listeners_.push_back(this);
}

EventHub::Listener::~Listener() {
    std::scoped_lock lock{hub_.mutex_};
    hub_.listeners_.remove(this);
}

std::optional<Event> EventHub::Listener::next(std::chrono::milliseconds limit) {
    std::unique_lock lock{hub_.mutex_};
    if (!hub_.changed_.wait_for(lock, limit, [this] { return !queue_.empty(); })) return std::nullopt;
    Event event = std::move(queue_.front());
    queue_.pop_front();
    event.lost = std::exchange(lost_, 0);
    return event;
}

void EventHub::publish(EventKind kind, std::uint16_t id, std::string const& name, std::string const& detail) {
    Event event{.time = std::chrono::system_clock::now(), .kind = kind, .id = id, .name = name, .detail = detail};
    std::scoped_lock lock{mutex_};
    event.revision = ++revision_;
    for (Listener* listener : listeners_) {
        if (listener->queue_.size() == queue_limit) {
            listener->queue_.pop_front();
            ++listener->lost_;
        }
        listener->queue_.push_back(event);
    }
    changed_.notify_all();
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/event_hub.hpp"

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

std::optional<v1::Event> EventHub::Listener::next(std::chrono::milliseconds limit) {
    std::unique_lock lock{hub_.mutex_};
    if (!hub_.changed_.wait_for(lock, limit, [this] { return !queue_.empty(); })) return std::nullopt;
    v1::Event event = std::move(queue_.front());
    queue_.pop_front();
    event.set_lost(std::exchange(lost_, 0));
    return event;
}

void EventHub::publish(v1::EventKind kind, std::uint32_t id, std::string const& name, std::string const& detail) {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    v1::Event event;
    event.set_time_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    event.set_kind(kind);
    event.set_id(id);
    event.set_name(name);
    event.set_detail(detail);
    std::scoped_lock lock{mutex_};
    event.set_revision(++revision_);
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

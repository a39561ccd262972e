// SPDX-License-Identifier: MIT
// Hands every event to every listener. A listener that falls too far behind loses the oldest and is told how many.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>

namespace paravane {
enum class EventKind : std::uint8_t { created, paused, unpaused, shutdown, reboot, crashed, destroyed, failed };

struct Event {
    std::uint64_t revision = 0;  // counts up by one
    std::chrono::system_clock::time_point time;
    EventKind kind = EventKind::created;
    std::uint16_t id = 0;
    std::string name, detail;
    std::uint64_t lost = 0;  // events before this one that this listener did not get
};

class EventHub {
public:
    class Listener {
    public:
        explicit Listener(EventHub& hub);
        Listener(Listener const&) = delete;
        Listener& operator=(Listener const&) = delete;
        ~Listener();

        // None when nothing came in time.
        std::optional<Event> next(std::chrono::milliseconds limit);

    private:
        friend class EventHub;
        EventHub& hub_;
        std::deque<Event> queue_;
        std::uint64_t lost_ = 0;
    };

    void publish(EventKind kind, std::uint16_t id, std::string const& name, std::string const& detail = {});

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::list<Listener*> listeners_;
    std::uint64_t revision_ = 0;
};
}  // namespace paravane

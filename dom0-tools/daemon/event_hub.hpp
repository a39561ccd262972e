// SPDX-License-Identifier: MIT
// Hands every event to every listener. A listener that falls too far behind loses the oldest and is told how many.
#pragma once
#include <hypervisor.pb.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>

namespace paravane {
class EventHub {
public:
    class Listener {
    public:
        explicit Listener(EventHub& hub);
        Listener(Listener const&) = delete;
        Listener& operator=(Listener const&) = delete;
        ~Listener();

        // None when nothing came in time.
        std::optional<v1::Event> next(std::chrono::milliseconds limit);

    private:
        friend class EventHub;
        EventHub& hub_;
        std::deque<v1::Event> queue_;
        std::uint64_t lost_ = 0;
    };

    void publish(v1::EventKind kind, std::uint32_t id, std::string const& name, std::string const& detail = {});

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::list<Listener*> listeners_;
    std::uint64_t revision_ = 0;
};
}  // namespace paravane

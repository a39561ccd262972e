// SPDX-License-Identifier: MIT
// A few threads that do what is posted, in order, and what is to be done later.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace paravane {
class Executor {
public:
    using Task = std::function<void()>;
    using Clock = std::chrono::steady_clock;

    explicit Executor(unsigned threads);
    ~Executor() { stop(); }

    void post(Task task);
    // Its number, by which it can be taken back before it is due.
    std::uint64_t post_after(std::chrono::nanoseconds delay, Task task);
    void take_back(std::uint64_t number);
    std::size_t waiting() const;  // tasks that are to be done later
    // Tasks that run are waited for; the others are dropped.
    void stop();

private:
    void run(std::stop_token const& stop);

    struct Later {
        std::uint64_t number;
        Task task;
    };

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Task> tasks_;
    std::multimap<Clock::time_point, Later> later_;
    std::map<std::uint64_t, decltype(later_)::iterator> places_;  // of those, by number
    std::uint64_t last_ = 0;
    std::vector<std::jthread> threads_;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
// A few threads that do what is posted, in order, and what is to be done later.
#pragma once
#include <chrono>
#include <condition_variable>
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
    void post_after(std::chrono::nanoseconds delay, Task task);
    // Tasks that run are waited for; the others are dropped.
    void stop();

private:
    void run(std::stop_token const& stop);

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Task> tasks_;
    std::multimap<Clock::time_point, Task> later_;
    std::vector<std::jthread> threads_;
};
}  // namespace paravane

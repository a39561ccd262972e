// SPDX-License-Identifier: MIT
#include "daemon/executor.hpp"

#include <algorithm>

namespace paravane {
namespace {
constexpr std::chrono::nanoseconds longest_delay = std::chrono::hours{25};
}  // namespace

Executor::Executor(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this](std::stop_token const& stop) { run(stop); });
}

void Executor::post(Task task) {
    std::scoped_lock lock{mutex_};
    tasks_.push_back(std::move(task));
    changed_.notify_one();
}

std::uint64_t Executor::post_after(std::chrono::nanoseconds delay, Task task) {
    std::scoped_lock lock{mutex_};
    std::uint64_t const number = ++last_;
    places_[number] = later_.emplace(Clock::now() + std::min(delay, longest_delay), Later{number, std::move(task)});
    changed_.notify_one();
    return number;
}

void Executor::take_back(std::uint64_t number) {
    Task none;  // goes, with what it holds, when the lock is free again
    std::scoped_lock lock{mutex_};
    auto const found = places_.find(number);
    if (found == places_.end()) return;
    none = std::move(found->second->second.task);
    later_.erase(found->second);
    places_.erase(found);
}

std::size_t Executor::waiting() const {
    std::scoped_lock lock{mutex_};
    return later_.size();
}

void Executor::stop() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
    std::scoped_lock lock{mutex_};
    tasks_.clear();
    later_.clear();
    places_.clear();
}

void Executor::run(std::stop_token const& stop) {
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested()) {
        while (!later_.empty() && later_.begin()->first <= Clock::now()) {
            tasks_.push_back(std::move(later_.begin()->second.task));
            places_.erase(later_.begin()->second.number);
            later_.erase(later_.begin());
        }
        if (tasks_.empty()) {
            if (later_.empty()) {
                changed_.wait(lock, stop, [this] { return !tasks_.empty() || !later_.empty(); });
                continue;
            }
            Clock::time_point first = later_.begin()->first;
            changed_.wait_until(lock, stop, first,
                                [&] { return !tasks_.empty() || later_.empty() || later_.begin()->first < first; });
            continue;
        }
        Task task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        task = nullptr;
        lock.lock();
    }
}
}  // namespace paravane

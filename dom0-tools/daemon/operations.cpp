// SPDX-License-Identifier: MIT
#include "daemon/operations.hpp"

#include <utility>
#include <vector>

#include "domain/uuid.hpp"

namespace paravane {
namespace {
constexpr std::size_t most_operations = 8192;
constexpr auto kept_for = std::chrono::hours{1};
}  // namespace

WallTime wall_now() { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }

std::string Operations::begin(Operation operation) {
    if (operation.uid.empty()) operation.uid = to_string(random_handle());
    WallTime const now = wall_now();
    if (operation.created == WallTime{}) operation.created = now;
    std::string uid = operation.uid;
    std::scoped_lock lock{mutex_};
    prune(now);
    hub_.put(uid, [&](std::uint64_t revision) {
        operation.revision = revision;
        return operation;
    });
    operations_.insert_or_assign(uid, std::move(operation));
    return uid;
}

template <class Edit>
void Operations::change(std::string const& uid, Edit edit) {
    std::scoped_lock lock{mutex_};
    auto found = operations_.find(uid);
    if (found == operations_.end() || !edit(found->second)) return;
    hub_.put(uid, [&](std::uint64_t revision) {
        found->second.revision = revision;
        return found->second;
    });
}

void Operations::set_step(std::string const& uid, std::string step, bool cancellable) {
    change(uid, [&](Operation& operation) {
        if (operation.done || (operation.step == step && operation.cancellable == cancellable)) return false;
        operation.step = std::move(step);
        operation.cancellable = cancellable;
        return true;
    });
}

void Operations::set_cancel_requested(std::string const& uid) {
    change(uid, [](Operation& operation) { return !std::exchange(operation.cancel_requested, true); });
}

void Operations::finish(std::string const& uid, std::optional<Error> error) {
    std::map<std::uint64_t, Waiter> waiters;
    std::optional<Operation> ended;
    change(uid, [&](Operation& operation) {
        if (operation.done) return false;
        operation.done = true;
        operation.cancellable = false;
        operation.ended = wall_now();
        operation.error = std::move(error);
        operation.step.clear();
        ended = operation;
        if (auto found = waiters_.find(uid); found != waiters_.end()) {
            waiters = std::move(found->second);
            waiters_.erase(found);
        }
        return true;
    });
    for (auto& [number, waiter] : waiters) waiter(*ended);
}

std::optional<Operation> Operations::find(std::string const& uid) const {
    std::scoped_lock lock{mutex_};
    auto found = operations_.find(uid);
    if (found == operations_.end()) return std::nullopt;
    return found->second;
}

std::uint64_t Operations::when_done(std::string const& uid, Waiter waiter) {
    std::unique_lock lock{mutex_};
    auto found = operations_.find(uid);
    if (found == operations_.end()) return 0;
    if (!found->second.done) {
        waiters_[uid].emplace(++last_waiter_, std::move(waiter));
        return last_waiter_;
    }
    Operation operation = found->second;
    lock.unlock();
    waiter(operation);
    return 0;
}

void Operations::forget_waiter(std::string const& uid, std::uint64_t waiter) {
    std::scoped_lock lock{mutex_};
    if (auto found = waiters_.find(uid); found != waiters_.end()) found->second.erase(waiter);
}

// Those that are under way are kept whatever their number: each has a domain.
void Operations::prune(WallTime now) {
    bool crowded = operations_.size() >= most_operations;
    if (!crowded && operations_.size() % 256 != 255) return;
    std::vector<std::string> old;
    for (auto const& [uid, operation] : operations_)
        if (operation.done && (now - operation.ended > kept_for || crowded)) old.push_back(uid);
    for (std::string const& uid : old) {
        operations_.erase(uid);
        hub_.remove(uid);
    }
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// What an unprivileged domain may use up. Dom0 and its sockets are not limited.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace paravane::xenstored {
using Time = std::chrono::steady_clock::time_point;

// Defaults of Xen 4.17's xenstored.
struct Limits {
    std::uint32_t nodes = 1000;
    std::uint32_t node_size = 2048;
    std::uint32_t permissions = 5;  // of a node
    std::uint32_t path_length = 2048;
    std::uint32_t depth = 32;  // components of the path of a new node
    std::uint32_t watches = 128;
    std::uint32_t transactions = 10;
    std::uint32_t transaction_nodes = 1024;  // nodes a transaction may look at
    std::uint32_t outstanding = 20;          // replies not yet taken
    std::uint32_t memory = 2560 * 1024;      // nodes, watches, transactions, queued output
};

// The limits by the names that command line and CONTROL use.
struct LimitName {
    std::string_view name;
    std::uint32_t Limits::*limit;
    std::string_view meaning;
};
std::span<LimitName const> limit_names();
bool set_limit(Limits& limits, std::string_view name, std::uint32_t value);

// What a domain uses. Signed, since a transaction's account may be negative until it is added to the domain's.
struct Usage {
    std::int64_t nodes = 0;
    std::int64_t memory = 0;

    Usage& operator+=(Usage const& other) {
        nodes += other.nodes;
        memory += other.memory;
        return *this;
    }
};

// Credit for work: a domain may have a burst of it done, then goes on at a steady rate, so that it can neither take the
// store's time from the others nor make every transaction of theirs conflict. The unit is a node that changes.
class Credit {
public:
    static constexpr double burst = 1000;
    static constexpr double per_second = 200;
    static constexpr double look = 1.0 / 16;  // a request that changes nothing, or an event

    Credit() = default;
    Credit(double left, Time refilled) : credit_{left}, refilled_{refilled} {}

    void refill(Time now);
    void spend(double work) { credit_ -= work; }
    bool is_exhausted(Time now) const { return left(now) < 0; }
    // How long until a domain without credit may go on.
    std::chrono::milliseconds wait(Time now) const;

    double left() const { return credit_; }  // at that time
    Time refilled() const { return refilled_; }

private:
    double left(Time now) const;

    double credit_ = burst;
    Time refilled_{};
};
}  // namespace paravane::xenstored

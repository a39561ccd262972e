// SPDX-License-Identifier: MIT
#include "quota.hpp"

#include <algorithm>
#include <array>

namespace paravane::xenstored {
namespace {
constexpr std::array names{
    LimitName{"nodes", &Limits::nodes, "nodes"},
    LimitName{"node-size", &Limits::node_size, "bytes in a node"},
    LimitName{"permissions", &Limits::permissions, "permissions of a node"},
    LimitName{"path-max", &Limits::path_length, "bytes in a path"},
    LimitName{"depth", &Limits::depth, "components in the path of a new node"},
    LimitName{"watches", &Limits::watches, "watches"},
    LimitName{"transactions", &Limits::transactions, "transactions at a time"},
    LimitName{"transaction-nodes", &Limits::transaction_nodes, "nodes that a transaction looks at"},
    LimitName{"outstanding", &Limits::outstanding, "replies not yet taken"},
    LimitName{"memory", &Limits::memory, "bytes for all of these"},
};
}  // namespace

std::span<LimitName const> limit_names() { return names; }

bool set_limit(Limits& limits, std::string_view name, std::uint32_t value) {
    auto known = std::find_if(names.begin(), names.end(), [&](LimitName const& limit) { return limit.name == name; });
    if (known == names.end() || value == 0) return false;
    limits.*known->limit = value;
    return true;
}

double Credit::left(Time now) const {
    if (refilled_ == Time{}) return credit_;
    return std::min(burst, credit_ + std::chrono::duration<double>(now - refilled_).count() * per_second);
}

void Credit::refill(Time now) {
    credit_ = left(now);
    refilled_ = now;
}

std::chrono::milliseconds Credit::wait(Time now) const {
    return std::chrono::milliseconds{static_cast<std::int64_t>(std::max(0.0, -left(now)) * 1000 / per_second) + 1};
}
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// How long to wait before something is started again that keeps ending. A few ends cost nothing; each second that it
// has run pays for one; then the waits double, up to a limit.
#pragma once
#include <algorithm>
#include <chrono>

namespace paravane::supervisor {
class Backoff {
public:
    using Milliseconds = std::chrono::milliseconds;
    static constexpr unsigned free_ends = 5;
    static constexpr Milliseconds first{100}, longest{10'000};

    // It has ended after so long: the wait before the next start.
    Milliseconds ended_after(Milliseconds life) {
        auto const paid = static_cast<std::uint64_t>(std::max<std::int64_t>(life.count(), 0)) / 1000;
        ends_ -= static_cast<unsigned>(std::min<std::uint64_t>(ends_, paid));
        ends_ = std::min(ends_ + 1, free_ends + 16);
        if (ends_ <= free_ends) return Milliseconds{0};
        return std::min(first * (1u << (ends_ - free_ends - 1)), longest);
    }

private:
    unsigned ends_ = 0;
};
}  // namespace paravane::supervisor

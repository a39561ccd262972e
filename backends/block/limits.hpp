// SPDX-License-Identifier: MIT
// How much a disk may do in a second, in operations and in bytes. A request is begun when nothing is owed, and owes
// what it takes: so the largest one passes under any limit, and the average holds.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace paravane::block {
using Clock = std::chrono::steady_clock;

class TokenBucket {
public:
    // In a second, and what may be done at once after a rest. 0: as much as it can.
    void set(std::uint64_t rate) { rate_ = rate; }

    Clock::duration wait(Clock::time_point now) const {
        return rate_ == 0 ? Clock::duration::zero() : std::max(paid_ - saved - now, Clock::duration::zero());
    }
    void charge(std::uint64_t amount, Clock::time_point now) {
        if (rate_ == 0) return;
        auto const time = static_cast<double>(amount) / static_cast<double>(rate_);
        paid_ = std::max(paid_, now) +
                std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(time, longest)));
    }

private:
    static constexpr std::chrono::milliseconds saved{100};  // of the rate
    static constexpr double longest = 3600;

    std::uint64_t rate_ = 0;
    Clock::time_point paid_{};  // when all that was done will have been earned
};

struct Limits {
    TokenBucket operations, bytes;

    Clock::duration wait(Clock::time_point now) const { return std::max(operations.wait(now), bytes.wait(now)); }
};
}  // namespace paravane::block

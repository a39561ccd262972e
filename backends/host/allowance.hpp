// SPDX-License-Identifier: MIT
// How often something may be done: so many times at once, and then again as time goes by.
#pragma once
#include <algorithm>
#include <chrono>

namespace paravane::host {
class Allowance {
public:
    using Clock = std::chrono::steady_clock;

    Allowance(unsigned at_once, Clock::duration for_each, Clock::time_point now)
        : for_each_{for_each}, full_{for_each * at_once}, spent_until_{now} {}

    // False: not yet, but after wait().
    bool take(Clock::time_point now) {
        if (wait(now) > Clock::duration::zero()) return false;
        spent_until_ = std::max(spent_until_, now) + for_each_;
        return true;
    }
    Clock::duration wait(Clock::time_point now) const {
        return std::max(spent_until_ + for_each_ - full_ - now, Clock::duration::zero());
    }

private:
    Clock::duration for_each_, full_;
    Clock::time_point spent_until_;  // when all that was taken will have been earned
};
}  // namespace paravane::host

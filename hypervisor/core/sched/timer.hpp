// SPDX-License-Identifier: MIT
// One-shot timers, per CPU in order of expiry. The callback runs on that CPU with no lock held.
#pragma once

#include "base/types.hpp"

namespace hv {

struct Timer {
    using Callback = void (*)(void* owner);

    Callback callback = nullptr;
    void* owner = nullptr;
    Time deadline = 0;
    CpuId cpu = 0;
    bool armed = false;
    Timer* next = nullptr;   // in the CPU's queue
    Timer* prev = nullptr;

    void arm(Time when, CpuId on);   // re-arming moves it
    void disarm();
};

// Runs what has expired on this CPU and programs the next deadline.
void run_expired_timers();

}  // namespace hv

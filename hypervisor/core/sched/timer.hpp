// SPDX-License-Identifier: MIT
// One-shot timers, per CPU in order of expiry. The callback runs on that CPU with no lock held.
#pragma once
#include <atomic>
#include "portable/base/types.hpp"

namespace hv {
struct Timer {
    using Callback = void (*)(void* owner);

    Callback callback = nullptr;
    void* owner = nullptr;
    Time deadline = 0;
    std::atomic<CpuId> cpu{0};  // whose queue it is or was in; changes only under that queue's lock
    bool armed = false;
    Timer* next = nullptr;  // in the CPU's queue
    Timer* prev = nullptr;

    void calls(Callback what, void* whose) { callback = what, owner = whose; }
    void arm(Time when, CpuId on);  // re-arming moves it
    void disarm();                  // the callback may still be running on another CPU
    void end();                     // disarms and waits for the callback: the timer's memory may go
};

void start_timers(CpuId cpu);  // an empty queue

// Runs what has expired on this CPU and programs the next deadline.
void run_expired_timers();

// Programs this CPU's deadline if another CPU put an earlier timer into its queue.
void follow_remote_timers();
}  // namespace hv

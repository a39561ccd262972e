// SPDX-License-Identifier: MIT
// sched_op (sched.h).
#pragma once
#include "public/types.hpp"

namespace abi {
namespace schedop {
enum Command : u32 {
    yield = 0,
    block = 1,
    shutdown = 2,
    poll = 3,
    remote_shutdown = 4,
    shutdown_code = 5,
    watchdog = 6,
    pin_override = 7,
};
inline constexpr u32 max_poll_ports = 128;
}  // namespace schedop

// Why a domain stopped. The numbers also stand in the upper half of domctl's domain flags.
enum class ShutdownReason : u32 {
    poweroff = 0,
    reboot = 1,
    suspend = 2,
    crash = 3,
    watchdog = 4,
    soft_reset = 5,
};
inline constexpr u32 max_shutdown_reason = 5;

// The members called reason hold a ShutdownReason once they are checked.
struct SchedShutdown {
    u32 reason;
};

struct SchedPoll {
    guest_ptr<EvtchnPort> ports;
    u32 nr_ports;
    u32 pad;
    u64 timeout;
};
static_assert(sizeof(SchedPoll) == 24);

struct SchedRemoteShutdown {
    Domid domain_id;
    u16 pad;
    u32 reason;
};

struct SchedWatchdog {
    u32 id;
    u32 timeout;
};

struct SchedPinOverride {
    i32 pcpu;
};
}  // namespace abi

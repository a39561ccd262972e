// SPDX-License-Identifier: MIT
#pragma once
#include "core/domain.hpp"
#include "public/sched.hpp"

namespace hv::sched {
void prepare_watchdogs(Domain& domain);  // a new domain's: none runs

// Id 0 starts a timer and returns its id; another id sets it again, or ends it with a timeout of 0. inval: no such
// timer; nospc: both are in use.
Result<u64> set_watchdog(Domain& domain, abi::SchedWatchdog const& op);
}  // namespace hv::sched

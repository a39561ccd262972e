// SPDX-License-Identifier: MIT
#include "public/sched.hpp"

#include <gtest/gtest.h>

#include <xen/sched.h>

#include "compare.hpp"

TEST(AbiSched, OperationsAreXens) {
    SAME_VALUE(abi::schedop::yield, SCHEDOP_yield);
    SAME_VALUE(abi::schedop::block, SCHEDOP_block);
    SAME_VALUE(abi::schedop::shutdown, SCHEDOP_shutdown);
    SAME_VALUE(abi::schedop::poll, SCHEDOP_poll);
    SAME_VALUE(abi::schedop::remote_shutdown, SCHEDOP_remote_shutdown);
    SAME_VALUE(abi::schedop::shutdown_code, SCHEDOP_shutdown_code);
    SAME_VALUE(abi::schedop::watchdog, SCHEDOP_watchdog);
    SAME_VALUE(abi::schedop::pin_override, SCHEDOP_pin_override);
    SAME_VALUE(abi::ShutdownReason::poweroff, SHUTDOWN_poweroff);
    SAME_VALUE(abi::ShutdownReason::reboot, SHUTDOWN_reboot);
    SAME_VALUE(abi::ShutdownReason::suspend, SHUTDOWN_suspend);
    SAME_VALUE(abi::ShutdownReason::crash, SHUTDOWN_crash);
    SAME_VALUE(abi::ShutdownReason::watchdog, SHUTDOWN_watchdog);
    SAME_VALUE(abi::ShutdownReason::soft_reset, SHUTDOWN_soft_reset);
    SAME_VALUE(abi::max_shutdown_reason, SHUTDOWN_MAX);
}

TEST(AbiSched, ArgumentsAreXens) {
    SAME(abi::SchedShutdown, sched_shutdown, reason)
    SAME(abi::SchedPoll, sched_poll, ports, nr_ports, timeout)
    SAME(abi::SchedRemoteShutdown, sched_remote_shutdown, domain_id, reason)
    SAME(abi::SchedWatchdog, sched_watchdog, id, timeout)
    SAME(abi::SchedPinOverride, sched_pin_override, pcpu)
}

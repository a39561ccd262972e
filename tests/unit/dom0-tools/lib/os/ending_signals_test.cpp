// SPDX-License-Identifier: MIT
#include "os/ending_signals.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace {
// In a process of its own: what is blocked stays so.
void get(int signal) {
    paravane::Result<paravane::OwnedFd> const signals = paravane::receive_ending_signals({SIGTERM, SIGUSR1});
    if (!signals) _exit(1);
    pollfd watched{.fd = signals->get(), .events = POLLIN, .revents = 0};
    if (poll(&watched, 1, 0) != 0) _exit(2);
    raise(signal);
    _exit(poll(&watched, 1, 0) == 1 ? 0 : 3);
}

TEST(EndingSignalsDeathTest, AreReceivedAndEndNobody) {
    EXPECT_EXIT(get(SIGTERM), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(get(SIGUSR1), testing::ExitedWithCode(0), "");
}

TEST(EndingSignalsDeathTest, AreThoseThatWereNamed) { EXPECT_EXIT(get(SIGINT), testing::KilledBySignal(SIGINT), ""); }
}  // namespace

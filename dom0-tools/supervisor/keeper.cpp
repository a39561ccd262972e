// SPDX-License-Identifier: MIT
#include "supervisor/keeper.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <chrono>

#include "os/child.hpp"
#include "os/ending_signals.hpp"
#include "os/log.hpp"
#include "supervisor/backoff.hpp"

namespace paravane::supervisor {
namespace {
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

enum class Saw { nothing, order, ready, end };

Saw wait_for_one(OwnedFd const& orders, OwnedFd const& ready, int child, int limit) {
    pollfd watched[] = {{orders.get(), POLLIN, 0}, {ready.get(), POLLIN, 0}, {child, POLLIN, 0}};
    if (poll(watched, std::size(watched), limit) <= 0) return Saw::nothing;
    return watched[0].revents != 0 ? Saw::order : watched[1].revents != 0 ? Saw::ready : Saw::end;
}
}  // namespace

Result<> keep(std::function<Result<>(std::function<Result<>()> const& say_ready)> const& serve,
              std::function<Result<>()> const& on_ready) {
    OwnedFd const orders = TRY(receive_ending_signals({SIGTERM, SIGINT}));
    OwnedFd ready{eventfd(0, EFD_CLOEXEC)};
    if (!ready) return Error::from_errno("make an eventfd");
    auto const say_ready = [&]() -> Result<> {
        if (ready && eventfd_write(ready.get(), 1) < 0) return Error::from_errno("say that we serve");
        return {};
    };
    for (Backoff backoff;;) {
        auto const started = Clock::now();
        Child child = TRY(Child::twin([&] {
            log::error(serve(say_ready).error().message());
            return 1;
        }));
        for (Saw saw = Saw::nothing; saw != Saw::end;) {
            saw = wait_for_one(orders, ready, child.fd(), -1);
            if (saw == Saw::order) return {};
            if (saw != Saw::ready) continue;
            TRY(on_ready());
            ready = OwnedFd{};
        }
        std::string const how = how_it_ended(child.end());
        if (ready) return Error{"", "it has not come so far that it serves: " + how};
        auto const wait = backoff.ended_after(std::chrono::duration_cast<milliseconds>(Clock::now() - started));
        log::error("the process that serves has ended (" + how + "), another one starts in " +
                   std::to_string(wait.count()) + " ms");
        if (wait_for_one(orders, ready, -1, static_cast<int>(wait.count())) == Saw::order) return {};
    }
}
}  // namespace paravane::supervisor

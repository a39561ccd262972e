// SPDX-License-Identifier: MIT
// SCHEDOP_watchdog: a domain that does not set its timer again in time is shut down, for a reason that its toolstack
// sees.
#include "core/sched/watchdog.hpp"
#include "base/index.hpp"
#include "base/log.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"

namespace hv::sched {
namespace {
constexpr u64 second = 1'000'000'000;

void expired(void* owner) {
    Domain& domain = *static_cast<Domain*>(owner);
    if (domain.shut_down || domain.is_dying()) return;
    log::warn("d{}: its watchdog was not fed", domain.id);
    shut_down_domain(domain, static_cast<u32>(abi::ShutdownReason::watchdog));
}
}  // namespace

void prepare_watchdogs(Domain& domain) {
    for (Watchdog& watchdog : domain.watchdogs) watchdog.timer.calls(expired, &domain);
}

Result<u64> set_watchdog(Domain& domain, abi::SchedWatchdog const& op) {
    Time const deadline = hal::now() + op.timeout * second;
    if (op.id == 0) {
        for (u64 i = 0; i < domain.watchdogs.size(); ++i) {
            auto& [timer, in_use] = domain.watchdogs[i];
            if (in_use.exchange(true)) continue;
            timer.arm(deadline, hal::this_cpu());
            return i + 1;
        }
        return Errno::nospc;
    }
    u64 number = u64{op.id} - 1;
    if (!check_index(number, domain.watchdogs.size()) || !domain.watchdogs[number].in_use) return Errno::inval;
    auto& [timer, in_use] = domain.watchdogs[number];
    if (op.timeout) {
        timer.arm(deadline, hal::this_cpu());
    } else {
        timer.disarm();
        in_use = false;
    }
    return u64{0};
}
}  // namespace hv::sched

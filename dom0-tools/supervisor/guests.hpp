// SPDX-License-Identifier: MIT
// Which guests there are, as the hypervisor says, and when to ask it: whenever the store tells that one has gone. The
// store is only listened to and never waited for; while it is away, or says nothing, we ask now and then.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "hypercall/hypervisor.hpp"
#include "os/event_loop.hpp"
#include "os/owned_fd.hpp"

namespace paravane::supervisor {
class Guests {
public:
    static constexpr std::chrono::seconds now_and_then{2};

    Guests(EventLoop& loop, Hypervisor hypervisor, std::function<void()> something_ended);

    // Those that are there and not about to go.
    Result<std::vector<DomainInfo>> present();
    // Listens to the store, if it does not yet.
    void listen();

private:
    EventLoop& loop_;
    Hypervisor hypervisor_;
    std::function<void()> something_ended_;
    OwnedFd store_;
};
}  // namespace paravane::supervisor

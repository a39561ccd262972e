// SPDX-License-Identifier: MIT
// A thread that waits for xenstored's word that some domain ended (VIRQ_DOM_EXC belongs to xenstored), and now and then
// looks without it, so that a restart of xenstored loses nothing.
#pragma once
#include "daemon/domain_manager.hpp"

#include <thread>

namespace paravane {
class EndWatcher {
public:
    explicit EndWatcher(DomainManager& manager) : thread_{[&manager](std::stop_token stop) { run(manager, stop); }} {}

private:
    static void run(DomainManager& manager, std::stop_token stop);

    std::jthread thread_;
};
}  // namespace paravane

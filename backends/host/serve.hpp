// SPDX-License-Identifier: MIT
// What the process of a backend does once it knows its options.
#pragma once
#include <csignal>
#include <cstdio>
#include <memory>

#include "host/handover.hpp"

namespace paravane::host {
// Opens a Backend with what the supervisor handed over, and serves until it is to end. Returns the program's exit code.
template <class Backend, class Options>
int serve(Options const& options) {
    std::signal(SIGPIPE, SIG_IGN);
    Result<> const served = [&]() -> Result<> {
        Handover handover = TRY(Handover::take());
        std::unique_ptr<Backend> const backend = TRY(Backend::open(options, handover));
        return backend->run(handover);
    }();
    if (served) return 0;
    std::fprintf(stderr, "%s\n", served.error().message().c_str());
    return 1;
}
}  // namespace paravane::host

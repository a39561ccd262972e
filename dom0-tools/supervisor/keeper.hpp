// SPDX-License-Identifier: MIT
// Keeps the supervisor alive. It does nothing else, so that nothing else ends it: what parses, decides and can fail is
// a process of its own, and when that ends, whatever the reason, the next one goes on.
#pragma once
#include <functional>

#include "os/error.hpp"

namespace paravane::supervisor {
// `serve` is what that process does, and says when it serves. Returns on SIGTERM or SIGINT, which end that process,
// too; with an error if the first one ends before it served. `on_ready` is called once.
Result<> keep(std::function<Result<>(std::function<Result<>()> const& say_ready)> const& serve,
              std::function<Result<>()> const& on_ready);
}  // namespace paravane::supervisor

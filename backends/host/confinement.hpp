// SPDX-License-Identifier: MIT
// What a backend gives up once it has what it needs. The supervisor has started it as a user of its own, without
// capabilities and under limits; here it says which system calls it will still make. Any other kills it: a backend that
// was taken over by its guest opens no file, maps no more grants, starts nothing and speaks to nobody new.
#pragma once
#include <span>

#include "os/error.hpp"

namespace paravane::host {
// A system call, and for ioctl which request (0: any).
struct Allowed {
    int call;
    unsigned long request = 0;
};

// Beside what any program needs to run on: memory that is not executable, the clock, its end. Fails for who runs as
// root.
Result<> confine(std::span<Allowed const> calls);
// Without looking who runs it.
Result<> allow_only(std::span<Allowed const> calls);
}  // namespace paravane::host

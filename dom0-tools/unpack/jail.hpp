// SPDX-License-Identifier: MIT
// What a process gives up before it looks at bytes that may take it over.
#pragma once
#include <cstdint>
#include <string>

#include "os/error.hpp"

namespace paravane {
// If memory runs out, this process is ended before others.
void go_first();

// Another user with a group of its own and no others. Who is not root stays what he is.
Result<> become(std::string const& user);

struct JailLimits {
    std::uint64_t memory = 0;  // address space, in bytes
    std::uint64_t file = 0;    // bytes that a file may have after a write
    std::uint64_t seconds = 0;
};
// From here on this process has its memory and the descriptors that are open, and ends with the thread that started it.
// It can open, start and send nothing, nor get back what it gave up: an attempt is its end.
Result<> lock_up(JailLimits const& limits);
}  // namespace paravane

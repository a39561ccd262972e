// SPDX-License-Identifier: MIT
// The ends of a guest.
#pragma once
#include <string_view>

#include "runtime/hypercall.hpp"

namespace guest {
// Output is read to its end first.
[[noreturn]] void shutdown(abi::ShutdownReason reason);

// What must not happen did: says so, with the stack's return addresses, and crashes the domain.
[[noreturn]] void panic(std::string_view what);
}  // namespace guest

// SPDX-License-Identifier: MIT
// Sequences of any hypercalls by two guests and dom0's tools, decoded from bytes. What they may do to memory is judged
// as in operations.hpp; beyond that the core's own assertions must hold, and the end of all domains must give all back.
#pragma once
#include "model/operations.hpp"

namespace model {
inline constexpr std::size_t bytes_per_call = 32;

// Throws as run() does, and when frames are missing after the domains have gone.
void run_hypercalls(std::span<std::uint8_t const> bytes, unsigned audit_every, Tally& tally);
}  // namespace model

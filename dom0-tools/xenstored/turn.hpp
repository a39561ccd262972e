// SPDX-License-Identifier: MIT
// A client's turn: so many requests at most, and no longer than a fraction of a millisecond, but one request in any
// case. What a request costs is bounded elsewhere; this keeps a client with costly ones from having more time than
// others.
#pragma once
#include "server.hpp"

namespace paravane::xenstored {
using Clock = Time (*)();

inline constexpr std::chrono::microseconds longest_turn{250};

// Says whether more could be answered at once.
bool serve_a_turn(Server& server, Session& session, unsigned requests, Time now, Clock clock);
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
#include "turn.hpp"

namespace paravane::xenstored {
bool serve_a_turn(Server& server, Session& session, unsigned requests, Time now, Clock clock) {
    Time const begun = clock();
    for (;;) {
        bool more = server.serve(session, 1, now);
        if (!more || --requests == 0 || clock() - begun >= longest_turn) return more;
    }
}
}  // namespace paravane::xenstored

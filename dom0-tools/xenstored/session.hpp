// SPDX-License-Identifier: MIT
// One client: a socket connection of a dom0 process, or the ring of a domain. Knows no transport; bytes go into
// `input`, and come out of `output`.
#pragma once
#include <map>
#include <string>

#include "output.hpp"
#include "permissions.hpp"
#include "transaction.hpp"
#include "watch.hpp"
#include "wire.hpp"

namespace paravane::xenstored {
enum class ClientKind : std::uint8_t { socket, ring };

// How far a ring has been read and written.
struct RingPlace {
    std::uint32_t requests = 0;
    std::uint32_t replies = 0;
};

struct Session {
    SessionId id;
    ClientKind kind;
    Caller caller;
    std::string base_path;   // of relative names: /local/domain/<domid>
    std::uint64_t key = 0;   // of a socket: what the holder calls it
    std::uint32_t port = 0;  // of a ring: the event channel that its domain made
    RingPlace place = {};

    MessageParser input;
    OutputQueue output;
    std::map<std::uint32_t, Transaction> transactions;
    std::uint32_t next_transaction = 1;
    Credit credit;

    // A client that cannot be served any longer; its transport closes it, or for a ring leaves it alone until the
    // domain ends.
    bool dead = false;
    bool output_noted = false;  // it is in the server's list of sessions with output

    bool is_unprivileged() const { return !caller.privileged; }
};
}  // namespace paravane::xenstored

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

struct Session {
    SessionId id;
    ClientKind kind;
    Caller caller;
    std::string base_path;  // of relative names: /local/domain/<domid>

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

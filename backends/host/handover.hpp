// SPDX-License-Identifier: MIT
// What the supervisor hands to a backend when it starts it: open descriptors by name (os/child.hpp), and one of them,
// "ready", on which the backend says that it serves. So the backend opens nothing that needs rights, and what must
// outlive it, its journal, its listening socket and its log, is only lent to it.
#pragma once
#include <map>
#include <string>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane::host {
class Handover {
public:
    // What this process was started with. Only once: the descriptors are ours from then on.
    static Result<Handover> take();

    Result<OwnedFd> descriptor(std::string const& name);
    // From here on a client can be told that the device is there.
    Result<> say_ready();

private:
    std::map<std::string, OwnedFd> descriptors_;
};
}  // namespace paravane::host

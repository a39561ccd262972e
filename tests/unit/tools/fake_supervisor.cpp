// SPDX-License-Identifier: MIT
// In place of the supervisor's client: the socket's name says what the supervisor does. "serves", "refuses", or nobody
// is there.
#include "backend/supervisor.hpp"

namespace paravane::supervisor {
namespace {
thread_local bool refuses = false;
}

Result<Client> Client::connect(std::string const& path) {
    refuses = path == "refuses";
    if (path != "serves" && !refuses) return Error{"talk to the supervisor", "nobody is there", ErrorKind::unavailable};
    return Client{OwnedFd{}};
}

Result<> Client::start(DeviceSpec const&, std::chrono::milliseconds) {
    if (refuses) return Error{"", "it ended without a reason"};
    return {};
}

Result<> Client::stop(Device const&, std::chrono::milliseconds) { return {}; }
}  // namespace paravane::supervisor

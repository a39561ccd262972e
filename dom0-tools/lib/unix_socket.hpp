// SPDX-License-Identifier: MIT
// Unix stream sockets by path.
#pragma once
#include "error.hpp"
#include "owned_fd.hpp"

#include <string>

namespace paravane {
Result<OwnedFd> connect_unix(std::string const& path);
// Only this user may connect. A socket file that a dead predecessor left behind is replaced.
Result<OwnedFd> listen_unix(std::string const& path);
}  // namespace paravane

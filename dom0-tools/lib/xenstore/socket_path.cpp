// SPDX-License-Identifier: MIT
#include "xenstore/socket_path.hpp"

#include <cstdlib>

namespace paravane {
std::string xenstore_socket_path() {
    if (char const* path = std::getenv("XENSTORED_PATH")) return path;
    char const* folder = std::getenv("XENSTORED_RUNDIR");
    return std::string{folder != nullptr ? folder : "/run/xenstored"} + "/socket";
}
}  // namespace paravane

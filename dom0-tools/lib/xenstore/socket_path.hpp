// SPDX-License-Identifier: MIT
#pragma once
#include <string>

namespace paravane {
// Where xenstored listens, as libxenstore finds it: $XENSTORED_PATH, or `socket` in $XENSTORED_RUNDIR, or in
// /run/xenstored.
std::string xenstore_socket_path();
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The signals by which somebody asks this process to end.
#pragma once
#include <initializer_list>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
// Readable once one of them has come. From here on they end nobody by themselves; a child of ours (os/child.hpp) has
// them as ever.
Result<OwnedFd> receive_ending_signals(std::initializer_list<int> signals);
}  // namespace paravane

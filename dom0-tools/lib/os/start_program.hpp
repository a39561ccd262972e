// SPDX-License-Identifier: MIT
// The way from a process of ours to another program; see Child::start.
#pragma once
#include "os/child.hpp"

namespace paravane {
Result<pid_t> start_program(Program const& program);
}

// SPDX-License-Identifier: MIT
// Other programs.
#pragma once
#include <string>
#include <vector>

#include "os/error.hpp"

namespace paravane {
// Starts a program that goes to the background (background.hpp) and returns when it is ready: it has closed its
// standard error, and its first process ended well. Otherwise the error has what it said there. words[0] is the
// program's path.
Result<> start_service(std::vector<std::string> words);
}  // namespace paravane

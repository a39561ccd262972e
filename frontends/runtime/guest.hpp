// SPDX-License-Identifier: MIT
// What a guest built on the runtime sees of its start.
#pragma once
#include <string_view>

#include "public/start_info.hpp"
#include "runtime/console.hpp"
#include "runtime/hypercall.hpp"
#include "runtime/shutdown.hpp"

namespace guest {
// Provided by each guest. Everything is initialised and upcalls are enabled; returning powers the domain off.
void main();

abi::StartInfo const& start_info();
bool is_dom0();

// The time stamp counter at the guest's first instructions.
u64 start_cycles();

// The command line, and a word of it of the form key=value; empty if there is none.
std::string_view command_line();
std::string_view option(std::string_view key);
}  // namespace guest

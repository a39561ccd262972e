// SPDX-License-Identifier: MIT
// What dom0 is told of the screen it takes over.
#pragma once
#include <optional>
#include "public/start_info.hpp"

namespace hv::x86 {
// Nothing if there is no VGA, or none in text mode.
std::optional<abi::Dom0VgaConsoleInfo> vga_console();
}  // namespace hv::x86

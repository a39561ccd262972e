// SPDX-License-Identifier: MIT
// console_io (xen.h): the hypervisor's own console for the domain that may use it.
#pragma once
#include "public/types.hpp"

namespace abi::consoleio {
enum Command : u32 { write = 0, read = 1 };
}  // namespace abi::consoleio

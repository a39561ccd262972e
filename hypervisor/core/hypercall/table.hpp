// SPDX-License-Identifier: MIT
// Which function handles which hypercall number. Every slot holds a function: the unused ones answer -ENOSYS.
#pragma once
#include <array>
#include "core/hypercall/dispatch.hpp"
#include "public/hypercall.hpp"

namespace hv {
extern constinit std::array<HypercallHandler, abi::hypercall::count> const hypercall_table;
}  // namespace hv

// SPDX-License-Identifier: MIT
// One hypercall of a batch (xen.h).
#pragma once
#include "public/types.hpp"

namespace abi {
struct MulticallEntry {
    u64 op;
    u64 result;
    u64 args[6];
};
static_assert(sizeof(MulticallEntry) == 64);
}  // namespace abi

// SPDX-License-Identifier: MIT
// The page of a guest's console (io/console.h). Indices run freely; the position in a buffer is their remainder.
#pragma once
#include "public/types.hpp"

namespace abi::io {
inline constexpr u32 console_in_size = 1024;
inline constexpr u32 console_out_size = 2048;

struct ConsoleRing {
    char in[console_in_size];  // to the guest
    char out[console_out_size];
    u32 in_cons, in_prod;
    u32 out_cons, out_prod;
};
static_assert(sizeof(ConsoleRing) == 3088);
}  // namespace abi::io

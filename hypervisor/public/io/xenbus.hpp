// SPDX-License-Identifier: MIT
// The state a split driver's end publishes in xenstore (io/xenbus.h).
#pragma once
#include "public/types.hpp"

namespace abi::io {
enum class XenbusState : u32 {
    unknown = 0,
    initialising = 1,
    init_wait = 2,
    initialised = 3,
    connected = 4,
    closing = 5,
    closed = 6,
    reconfiguring = 7,
    reconfigured = 8,
};
}  // namespace abi::io

// SPDX-License-Identifier: MIT
// The image's own functions by address, from the table that the build embeds.
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace hv::symbols {

struct Place {
    std::string_view function;  // empty: not in our code
    u64 offset;
};
Place find(u64 address);

}  // namespace hv::symbols

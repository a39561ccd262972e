// SPDX-License-Identifier: MIT
// What CPUID answers, whoever asks whom.
#pragma once
#include "portable/base/types.hpp"

namespace hv {
struct CpuidLeaf {
    u32 eax = 0;
    u32 ebx = 0;
    u32 ecx = 0;
    u32 edx = 0;

    friend constexpr bool operator==(CpuidLeaf const&, CpuidLeaf const&) = default;
};
}  // namespace hv

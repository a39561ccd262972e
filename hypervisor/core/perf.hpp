// SPDX-License-Identifier: MIT
// What a clock that counts instructions does not show: how often a CPU changes or drops its translations. Debug builds
// count it, each CPU for itself; tools read it by XEN_SYSCTL_perfc_op.
#pragma once
#include <array>
#include <string_view>
#include "portable/base/types.hpp"

namespace hv::perf {
#ifdef PARAVANE_DEBUG
inline constexpr bool counting = true;
#else
inline constexpr bool counting = false;
#endif

enum class Event : u32 { cr3_write, page_flush, full_flush, flush_ipi };
inline constexpr std::array<std::string_view, 4> names{"CR3 writes", "INVLPGs", "CR3 writes only to flush",
                                                       "flush IPIs sent"};
using Counts = std::array<u32, names.size()>;  // by Event
}  // namespace hv::perf

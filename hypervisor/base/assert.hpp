// SPDX-License-Identifier: MIT
// ASSERT states an invariant of our own. No input may ever reach one; input errors are Results.
#pragma once

namespace hv {
// Defined by x86 (prints registers and a backtrace, stops) and by the hosted world (throws).
[[noreturn]] void panic(char const* reason, char const* file = __builtin_FILE(), int line = __builtin_LINE());
}  // namespace hv

#ifdef PARAVANE_DEBUG
#define ASSERT(condition)                                                     \
    do {                                                                      \
        if (!(condition)) [[unlikely]]                                        \
            ::hv::panic("assertion failed: " #condition, __FILE__, __LINE__); \
    } while (false)
#else
#define ASSERT(condition) static_cast<void>(sizeof(!(condition)))
#endif

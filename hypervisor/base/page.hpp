// SPDX-License-Identifier: MIT
// Whole pages, cleared and copied eight bytes at a time.
#pragma once
#include "portable/base/types.hpp"

namespace hv {
inline void clear_page(void* page) {
    u64 count = page_size / 8;
    asm volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0) : "memory");
}
inline void copy_page(void* to, void const* from) {
    u64 count = page_size / 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}
}  // namespace hv

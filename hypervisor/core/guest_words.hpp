// SPDX-License-Identifier: MIT
// Small structures to and from guest memory, in line. The machine's build learns of a fault by the exception table
// (x86/mm/extable.hpp), which leads past the CLC; the hosted one walks the guest's page tables.
//
// The caller has checked the first address. Below the hypervisor there are no addresses at all, so that a structure
// which would run into it faults at its first word.
#pragma once
#include "core/hal.hpp"

namespace hv {
inline constexpr usize max_guest_words = 64;  // bytes; more is better left to a loop

#if __STDC_HOSTED__
template <class T>
bool load_guest(T& to, u64 from) {
    return hal::copy_from_guest(&to, from, sizeof(T));
}
template <class T>
bool store_guest(u64 to, T const& value) {
    return hal::copy_to_guest(to, &value, sizeof(T));
}
#else
// One of the two is the guest's. The entries of the table belong to the section group of the function that this is in.
template <usize size>
[[gnu::always_inline]] inline bool move_words(void* to, void const* from) {
    static_assert(size <= max_guest_words);
    u64 word;
    bool fault;
    asm volatile(R"(
        .macro move_word move, word
    1:  \move at(%[from]), \word
    2:  \move \word, at(%[to])
        .pushsection .extable, "a?"
        .quad 1b, 3f, 2b, 3f
        .popsection
        .endm
        at = 0
        stc
        .rept %c[size] / 8
        move_word movq, %[word]
        at = at + 8
        .endr
        .if %c[size] & 4
        move_word movl, %k[word]
        at = at + 4
        .endif
        .if %c[size] & 2
        move_word movw, %w[word]
        at = at + 2
        .endif
        .if %c[size] & 1
        move_word movb, %b[word]
        .endif
        clc
    3:  .purgem move_word)"
                 : [word] "=&r"(word), "=@ccc"(fault)
                 : [to] "r"(to), [from] "r"(from), [size] "i"(size)
                 : "memory");
    return !fault;
}

template <class T>
[[gnu::always_inline]] inline bool load_guest(T& to, u64 from) {
    return move_words<sizeof(T)>(&to, reinterpret_cast<void const*>(from));
}
template <class T>
[[gnu::always_inline]] inline bool store_guest(u64 to, T const& value) {
    return move_words<sizeof(T)>(reinterpret_cast<void*>(to), &value);
}
#endif
}  // namespace hv

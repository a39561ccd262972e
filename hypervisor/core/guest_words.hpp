// SPDX-License-Identifier: MIT
// Small structures to and from guest memory, in line. The machine's build learns of a fault by the exception table
// (x86/entry/trap.cpp); the hosted one walks the guest's page tables.
//
// The caller has checked the first address. Below the hypervisor there are no addresses at all, so that a structure
// which would run into it faults at its first word.
#pragma once
#include "core/hal/memory.hpp"
#include "portable/base/pte.hpp"

namespace hv {
inline constexpr usize max_guest_words = 64;  // bytes; more is better left to a loop

// check_guest_start: whether an address is outside of the hypervisor's part, which is all that has the same upper bits.
inline constexpr u32 hypervisor_part_shift = 43;
static_assert(hypervisor_start >> hypervisor_part_shift << hypervisor_part_shift == hypervisor_start &&
              (hypervisor_start >> hypervisor_part_shift) + 1 == hypervisor_end >> hypervisor_part_shift);

#if __STDC_HOSTED__
template <class T>
bool load_guest(T& to, u64 from) {
    return hal::copy_from_guest(&to, from, sizeof(T));
}
template <class T>
bool store_guest(u64 to, T const& value) {
    return hal::copy_to_guest(to, &value, sizeof(T));
}
constexpr bool check_guest_start(u64& address) {
    return address >> hypervisor_part_shift != hypervisor_start >> hypervisor_part_shift;
}
#else
// As check_index (base/index.hpp): where that is only believed, it is a low address from here on.
[[gnu::always_inline]] inline bool check_guest_start(u64& address) {
    bool is_ours;
    asm("cmpq %[ours], %[part]; cmoveq %[part], %[address]"
        : [address] "+r"(address), "=@cce"(is_ours)
        : [part] "r"(address >> hypervisor_part_shift), [ours] "e"(hypervisor_start >> hypervisor_part_shift));
    return !is_ours;
}
// One of the two is the guest's, which x86/entry/frame.h opens and closes. Both are addresses, behind which the
// compiler lets everything change: what ASM GOTO puts out g++ 12 may lose. The entries of the table belong to the
// section group of the function that this is in.
template <class T>
[[gnu::always_inline]] inline bool move_words(T* to, T const* from) {
    static_assert(sizeof(T) <= max_guest_words);
    asm goto(R"(
        .macro patch_site kind
    3:  .byte 0x0f, 0x1f, 0x00
        .pushsection .patch_sites, "a?"
        .quad 3b, \kind
        .popsection
        .endm
        patch_site 2
        .macro move_word suffix, word
    1:  mov\suffix at(%[from]), \word
    2:  mov\suffix \word, at(%[to])
        .pushsection .extable, "a?"
        .quad 1b, %l[fault], 2b, %l[fault]
        .popsection
        .endm
        at = 0
        .rept %c[size] / 8
        move_word q, %%r11
        at = at + 8
        .endr
        .if %c[size] & 4
        move_word l, %%r11d
        at = at + 4
        .endif
        .if %c[size] & 2
        move_word w, %%r11w
        at = at + 2
        .endif
        .if %c[size] & 1
        move_word b, %%r11b
        .endif
        patch_site 3
        .purgem patch_site
        .purgem move_word)"
             :
             : [to] "r"(to), [from] "r"(from), [size] "i"(sizeof(T))
             : "memory", "r11"
             : fault);
    return true;
fault:
    return false;
}
template <class T>
[[gnu::always_inline]] inline bool load_guest(T& to, u64 from) {
    return move_words(&to, reinterpret_cast<T const*>(from));
}
template <class T>
[[gnu::always_inline]] inline bool store_guest(u64 to, T const& value) {
    return move_words(reinterpret_cast<T*>(to), &value);
}
template <>
[[gnu::always_inline]] inline bool store_guest(u64 to, u64 const& value) {
    asm goto(R"(
    3:  .byte 0x0f, 0x1f, 0x00
    1:  movq %1, %0
    4:  .byte 0x0f, 0x1f, 0x00
        .pushsection .extable, "a?"
        .quad 1b, %l2
        .popsection
        .pushsection .patch_sites, "a?"
        .quad 3b, 2, 4b, 3
        .popsection)"
             :
             : "m"(*reinterpret_cast<u64*>(to)), "r"(value)
             : "memory"
             : fault);
    return true;
fault:
    return false;
}
#endif
// For one that is in a range that has been checked.
[[gnu::always_inline]] inline u64 guest_nospec(u64 address) {
    (void)check_guest_start(address);
    return address;
}
}  // namespace hv

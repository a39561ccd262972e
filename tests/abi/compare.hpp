// SPDX-License-Identifier: MIT
// Comparison of one of our ABI structures or constants with Xen's own, at compile time: a difference does not build.
// offsetof needs names, not values, hence the macros.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

// Members of the same name, or of different names, must lie at the same place and be equally wide.
#define SAME_MEMBER_AS(ours, our_member, theirs, their_member)                   \
    static_assert(offsetof(ours, our_member) == offsetof(theirs, their_member)); \
    static_assert(sizeof(std::declval<ours&>().our_member) == sizeof(std::declval<theirs&>().their_member));
#define SAME_MEMBER(ours, theirs, member) SAME_MEMBER_AS(ours, member, theirs, member)

#define SAME_SIZE(ours, theirs)                    \
    static_assert(sizeof(ours) == sizeof(theirs)); \
    static_assert(alignof(ours) == alignof(theirs));

// SAME(ours, theirs, a, b, c): size, alignment and the members a, b and c.
#define SAME(ours, theirs, ...) SAME_SIZE(ours, theirs) __VA_OPT__(EXPAND(EACH_MEMBER(ours, theirs, __VA_ARGS__)))

#define EXPAND(...) EXPAND3(EXPAND3(EXPAND3(EXPAND3(__VA_ARGS__))))
#define EXPAND3(...) EXPAND2(EXPAND2(EXPAND2(EXPAND2(__VA_ARGS__))))
#define EXPAND2(...) EXPAND1(EXPAND1(EXPAND1(EXPAND1(__VA_ARGS__))))
#define EXPAND1(...) __VA_ARGS__
#define PARENS ()
#define EACH_MEMBER(ours, theirs, member, ...) \
    SAME_MEMBER(ours, theirs, member) __VA_OPT__(EACH_MEMBER_AGAIN PARENS(ours, theirs, __VA_ARGS__))
#define EACH_MEMBER_AGAIN() EACH_MEMBER

#define SAME_VALUE(ours, theirs) static_assert(static_cast<std::uint64_t>(ours) == static_cast<std::uint64_t>(theirs));

// SPDX-License-Identifier: MIT
// Indices that a guest has chosen. A processor that has mispredicted the check of one runs on with a value that did not
// pass, and what it reads by that leaves traces. So the check also changes the value, by an instruction that is not
// predicted: one instruction more, and no barrier.
#pragma once
#include <type_traits>
#include "base/assert.hpp"
#include "portable/base/types.hpp"

namespace hv {
// True if `index` is below `bound`. Where that is only believed, it is `bound` itself from here on: the one place
// behind the last, whatever the guest has said.
template <class T>
[[gnu::always_inline]] constexpr bool check_index(T& index, std::type_identity_t<T> bound) {
    static_assert(sizeof(T) >= sizeof(u32));
#if __STDC_HOSTED__
    return index < bound;
#else
    bool below;
    asm("cmp %[bound], %[index]; cmovae %[bound], %[index]"
        : [index] "+r"(index), "=@ccb"(below)
        : [bound] "rm"(bound));
    return below;
#endif
}
// For one that has been checked elsewhere.
[[gnu::always_inline]] inline u64 index_nospec(u64 index, u64 bound) {
    [[maybe_unused]] bool const below = check_index(index, bound);
    ASSERT(below);
    return index;
}
}  // namespace hv

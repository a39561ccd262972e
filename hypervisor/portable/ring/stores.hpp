// SPDX-License-Identifier: MIT
// How an end stores what must survive it: into the ring, and into its journal. A process that is killed has done its
// stores up to some point, in the order of its code, which is why these are not moved. Tests put another class in the
// place of this one, which stops at any of them.
#pragma once
#include "portable/base/shared.hpp"
#include "portable/base/types.hpp"

namespace hv::ring {
struct Stores {
    // At once: these are the points at which something has happened.
    template <SharedWord T>
    static void word(T& to, std::type_identity_t<T> value) {
        store_release(to, value);
    }
    // What is no store, but done here: a call of the kernel's.
    static void step() {}
    // In any number of steps and any order, but after the words before and before those that follow.
    static void bytes(void* to, void const* from, usize count) {
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        __builtin_memcpy(to, from, count);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
};
}  // namespace hv::ring

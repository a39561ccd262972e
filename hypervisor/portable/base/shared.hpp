// SPDX-License-Identifier: MIT
// Words in memory that another domain may write at any time. What is read of them is a copy that was read once: a check
// of it and its use cannot see two values. Here alone; nobody else looks at such memory by a plain read.
#pragma once
#include <type_traits>

namespace hv {
template <class T>
concept SharedWord = std::is_trivially_copyable_v<T> && sizeof(T) <= 8 && (sizeof(T) & (sizeof(T) - 1)) == 0;

template <SharedWord T>
[[gnu::always_inline]] inline T read_once(T const& shared) {
    T value;
    __atomic_load(&shared, &value, __ATOMIC_RELAXED);
    return value;
}

// With what its writer wrote before it, and for a reader who then sees what we wrote before.
template <SharedWord T>
[[gnu::always_inline]] inline T load_acquire(T const& shared) {
    T value;
    __atomic_load(&shared, &value, __ATOMIC_ACQUIRE);
    return value;
}
template <SharedWord T>
[[gnu::always_inline]] inline void store_release(T& shared, std::type_identity_t<T> value) {
    __atomic_store(&shared, &value, __ATOMIC_RELEASE);
}

// A larger structure, byte by byte in any order, but taken here and not at its later uses.
template <class T>
requires std::is_trivially_copyable_v<T>
[[gnu::always_inline]] inline T copy_once(void const* shared) {
    T value;
    __builtin_memcpy(&value, shared, sizeof(T));
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return value;
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// The only way to a guest's memory: copies of whole structures between a guest pointer and a local.
#pragma once
#include <type_traits>
#include "base/index.hpp"
#include "core/guest_words.hpp"
#include "core/hal/memory.hpp"
#include "portable/base/pte.hpp"
#include "portable/base/result.hpp"

namespace hv {
template <class T>
concept AbiType = std::is_trivially_copyable_v<T>;

// What goes to a guest has no padding, which would show what was on the stack. True by hand for unions of several sizes
// that only dom0's tools get, and have filled themselves.
template <AbiType T>
constexpr bool all_bytes_are_members = std::has_unique_object_representations_v<T>;

// A range that lies wholly where guests may have memory. The last byte counts: nothing wraps. Counted from the end of
// the hypervisor's part, guest addresses are one run: their upper half, then the lower one.
constexpr bool is_guest_range(u64 address, u64 size) {
    constexpr u64 guest_bytes = (u64{1} << 47) - hypervisor_end;
    u64 const offset = address - hypervisor_end;
    return size == 0 || (offset < guest_bytes && size <= guest_bytes - offset && address + size - 1 >= address);
}
static_assert(is_guest_range(hypervisor_end, 8) && is_guest_range((u64{1} << 47) - 8, 8) && is_guest_range(0, 1));
static_assert(!is_guest_range(hypervisor_end - 1, 2) && !is_guest_range((u64{1} << 47) - 8, 9) &&
              !is_guest_range(~u64{0}, 2) && is_guest_range(~u64{0}, 1) && !is_guest_range(u64{1} << 47, 1));

// The same for a range of at most 2^40 bytes, as check_index (base/index.hpp): where it is only believed to be the
// guest's, `address` is the end of what is.
[[gnu::always_inline]] inline bool check_guest_range(u64& address, u64 size) {
    if (size == 0) return true;
    u64 offset = address - hypervisor_end;
    if (!check_index(offset, (u64{1} << 47) - hypervisor_end - size + 1)) return false;
    address = hypervisor_end + offset;
    return address + size - 1 >= address;
}

inline Result<> copy_in_bytes(void* to, u64 from, usize size) {
    if (!is_guest_range(from, size) || !hal::copy_from_guest(to, from, size)) [[unlikely]]
        return Errno::fault;
    return {};
}
inline Result<> copy_out_bytes(u64 to, void const* from, usize size) {
    if (!is_guest_range(to, size) || !hal::copy_to_guest(to, from, size)) [[unlikely]]
        return Errno::fault;
    return {};
}

template <AbiType T>
[[gnu::always_inline]] inline Result<> copy_in(T& to, guest_ptr<T> from) {
    if constexpr (sizeof(T) > max_guest_words) return copy_in_bytes(&to, from.address, sizeof(T));
    else if (!check_guest_start(from.address) || !load_guest(to, from.address)) [[unlikely]] return Errno::fault;
    return {};
}
template <AbiType T>
Result<T> copy_in(guest_ptr<T> from) {
    T value;
    TRY(copy_in(value, from));
    return value;
}
template <AbiType T>
[[gnu::always_inline]] inline Result<> copy_out(guest_ptr<T> to, T const& value) {
    static_assert(all_bytes_are_members<T>);
    if constexpr (sizeof(T) > max_guest_words) return copy_out_bytes(to.address, &value, sizeof(T));
    else if (!check_guest_start(to.address) || !store_guest(to.address, value)) [[unlikely]] return Errno::fault;
    return {};
}
}  // namespace hv

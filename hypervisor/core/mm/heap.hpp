// SPDX-License-Identifier: MIT
// Objects of the hypervisor in whole pages: domains, vCPUs, tables. Nothing smaller is allocated at run time.
#pragma once
#include <bit>
#include <memory>
#include <utility>
#include "core/mm/page_alloc.hpp"

namespace hv {
constexpr u32 order_of_bytes(u64 bytes) { return static_cast<u32>(std::bit_width(pages_of(bytes) - 1)); }

template <class T>
constexpr u32 order_of = order_of_bytes(sizeof(T));

template <class T, class... Args>
T* make(Args&&... args) {
    std::byte* memory = alloc_heap(order_of<T>);
    return memory ? std::construct_at(reinterpret_cast<T*>(memory), std::forward<Args>(args)...) : nullptr;
}

template <class T>
void destroy(T* object) {
    if (!object) return;
    std::destroy_at(object);
    free_heap(reinterpret_cast<std::byte*>(object), order_of<T>);
}

struct Destroyer {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
template <class T>
using Owned = std::unique_ptr<T, Destroyer>;
template <class T>
Owned<T> make_owned() {  // null: there was no memory
    return Owned<T>{make<T>()};
}
}  // namespace hv

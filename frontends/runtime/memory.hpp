// SPDX-License-Identifier: MIT
// The guest's memory: the pseudo-physical map, the linear mapping at VIRT_BASE, and a page allocator over it.
#pragma once
#include "public/start_info.hpp"
#include "runtime/hypercall.hpp"

namespace guest {
inline constexpr u64 virt_base = 0xffffffff80000000;

// Every pfn below linear_pages() is mapped at this address, writable unless it is a page table.
inline u64 address_of(Pfn pfn) { return virt_base + pfn.value * page_size; }
template <class T = void>
T* pointer_to(Pfn pfn) {
    return reinterpret_cast<T*>(address_of(pfn));
}
inline Pfn pfn_of(void const* pointer) { return Pfn{(reinterpret_cast<u64>(pointer) - virt_base) / page_size}; }

namespace memory {
void initialise(abi::StartInfo const& info);

u64 total_pages();   // pages the domain was built with
u64 linear_pages();  // those of them that the linear mapping covers
u64 free_pages();

// The guest's own map. It is ours to keep: the hypervisor reads only its machine-to-physical counterpart.
Mfn mfn_of(Pfn pfn);
void set_mfn(Pfn pfn, Mfn mfn);
inline Mfn mfn_of(void const* pointer) { return mfn_of(pfn_of(pointer)); }
Pfn machine_to_pfn(Mfn mfn);

// One page, cleared. There being none left ends the guest.
void* allocate();
void release(void* page);

// Takes count pages of contiguous pfns; they come back one by one through release().
void* allocate_contiguous(u64 count);

// Makes the linear mapping longer, up to total_pages(), and gives the new pages to the allocator.
bool extend(u64 pages);
}  // namespace memory
}  // namespace guest

// SPDX-License-Identifier: MIT
// Copies to and from guest addresses, in the address space that is loaded. A fault ends the copy; the caller has made
// sure that the range is the guest's, as the processor would not stop ring 0 at our own pages.
#pragma once
#include "portable/base/types.hpp"

extern "C" {

// Bytes that were not copied: 0 if all went well.
[[gnu::visibility("hidden")]] hv::u64 user_copy(void* to, void const* from, hv::u64 size);
[[gnu::visibility("hidden")]] hv::u64 user_clear(void* to, hv::u64 size);
// Loads a selector into gs; false if it faults, and gs is null then (entry/selectors.S).
[[gnu::visibility("hidden")]] bool load_gs_selector(hv::u32 selector);

}  // extern "C"

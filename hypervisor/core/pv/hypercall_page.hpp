// SPDX-License-Identifier: MIT
// The page of call stubs that older kernels ask for (elfnote.h, note 2): slot n of 32 bytes makes hypercall n.
#pragma once
#include <cstddef>
#include <span>
#include "portable/base/types.hpp"

namespace hv::pv {
void fill_hypercall_page(std::span<std::byte, page_size> page);
}  // namespace hv::pv

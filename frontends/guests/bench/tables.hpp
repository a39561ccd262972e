// SPDX-License-Identifier: MIT
// The page table that rows are measured on.
#pragma once
#include "measure.hpp"
#include "runtime/page_table.hpp"

namespace bench {
// As the guest sees it: read-only.
u64 volatile* l1_of_test();
// A writable entry of a page that nothing else uses.
u64 entry_of_test();
}  // namespace bench

// SPDX-License-Identifier: MIT
#include "core/mm/stale_store.hpp"
#include <utility>
#include "core/mm/l1_entry.hpp"

namespace hv {
bool StaleStore::is_worth_a_try(u64 root, u64 at, u64 place) {
    Place const now{at, place};
    if (now == last || now == before || !allows_writes(root, place)) return false;
    before = std::exchange(last, now);
    return true;
}
}  // namespace hv

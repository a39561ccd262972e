// SPDX-License-Identifier: MIT
#include "core/event/pirq.hpp"
#include "core/hal/memory.hpp"

namespace hv {
bool PirqEnds::begin(TypedRef page, bool unmasks) {
    if (page_) return false;
    page_ = &*page;
    unmasks_ = unmasks;
    (void)std::move(page).leak();  // page_ holds it now
    return true;
}

// The guest may write there, too: it deceives nobody but itself.
void PirqEnds::show(u32 pirq, bool needed) {
    if (!page_) return;
    u64* const word = reinterpret_cast<u64*>(hal::map(mfn_of(*page_))) + pirq / 64;
    u64 const bit = u64{1} << pirq % 64;
    if (needed) __atomic_fetch_or(word, bit, __ATOMIC_ACQ_REL);
    else __atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL);
}

void PirqEnds::end() {
    if (page_) TypedRef::release(*std::exchange(page_, nullptr));
}
}  // namespace hv

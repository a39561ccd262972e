// SPDX-License-Identifier: MIT
#include "core/event/pirq.hpp"
#include "core/event/event_table.hpp"
#include "core/hal/irq.hpp"
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

// A number is mapped when there is an interrupt behind it, and no longer.
void EventChannels::map_gsi(u32 gsi) {
    SpinGuard guard{lock_};
    if (pirqs_.find(gsi)) return;
    hal::connect_gsi(gsi, gsi);
    pirqs_.set_mapped(gsi, true);
}

Result<u32> EventChannels::map_msi(std::optional<u32> wanted, hal::MsiSource const& source) {
    SpinGuard guard{lock_};
    u32 const pirq = TRY(pirqs_.choose(wanted, hal::gsi_count()));
    TRY(hal::connect_msi(pirq, source));
    pirqs_.set_mapped(pirq, true);
    return pirq;
}

Result<> EventChannels::wire_gsi(u32 gsi, bool level, bool active_low) {
    SpinGuard guard{lock_};
    if (!pirqs_.find(gsi)) return Errno::inval;
    return hal::wire_gsi(gsi, level, active_low);
}

Result<> EventChannels::unmap_pirq(u32 pirq) {
    SpinGuard guard{lock_};
    Pirq const* const entry = pirqs_.find(pirq);
    if (!entry) return Errno::inval;
    if (entry->port.load(std::memory_order_relaxed)) return Errno::busy;
    pirqs_.set_mapped(pirq, false);
    hal::disconnect_irq(pirq);
    return {};
}
}  // namespace hv

// SPDX-License-Identifier: MIT
#include "core/mm/descriptor.hpp"
#include <algorithm>
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/l1_entry.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
namespace {
constexpr u64 present = u64{1} << 47;
constexpr u64 privilege_mask = u64{3} << 45;
constexpr u64 code_or_data = u64{1} << 44;
constexpr u64 long_mode = u64{1} << 53;
constexpr u64 default_size = u64{1} << 54;

u64 gate_type(u64 raw) { return raw >> 40 & 0xf; }

// Which code segment a call gate may name: one of the guest's own or the flat one of the ABI, never null.
bool is_gate_target(u64 raw) {
    u32 selector = static_cast<u32>(raw >> 16 & 0xffff);
    bool local = selector & 4;
    u32 index = selector >> 3;
    if (selector < 4) return false;
    return local || index < max_gdt_entries || (selector & ~3u) == (abi::selector::flat_cs64 & ~3u);
}

template <usize N>
void release_frames(std::array<Mfn, N>& frames, u32& entries) {
    u32 count = descriptor_pages(entries);
    entries = 0;
    for (u32 i = 0; i < count; ++i)
        if (frames[i].value) TypedRef::release(page_of(std::exchange(frames[i], Mfn{0})));
}
}  // namespace

Result<u64> checked_descriptor(u64 raw) {
    if (!(raw & present)) return raw;
    if (raw & code_or_data) {
        bool code = raw >> 43 & 1;
        // L and D together are reserved for code segments.
        if (code && (raw & long_mode) && (raw & default_size)) return Errno::inval;
        return raw | privilege_mask;
    }
    if (gate_type(raw) == 0) return raw;  // the upper half of a 16-byte gate
    // A call gate must name nothing in its reserved byte; it is usable from ring 0 only, that is, by nobody.
    if (gate_type(raw) != 0xc || (raw >> 32 & 0xff) || !is_gate_target(raw)) return Errno::inval;
    return raw & ~privilege_mask;
}

Errno validate_descriptors(PageInfo& page) {
    u64* entries = reinterpret_cast<u64*>(hal::map(mfn_of(page)));
    for (u32 i = 0; i < descriptors_per_page; ++i) {
        Result<u64> fixed = checked_descriptor(entries[i]);
        if (!fixed) return fixed.error();
        entries[i] = *fixed;
    }
    return Errno::ok;
}

void release_gdt(Vcpu& vcpu) { release_frames(vcpu.gdt_frames, vcpu.gdt_entries); }
void release_ldt(Vcpu& vcpu) { release_frames(vcpu.ldt_frames, vcpu.ldt_entries); }

Result<> set_gdt(Vcpu& vcpu, std::span<Mfn const> frames, u32 entries) {
    u32 count = descriptor_pages(entries);
    if (entries > max_gdt_entries || frames.size() < count) return Errno::inval;
    for (u32 i = 0; i < count; ++i) {
        Result<TypedRef> page = get_typed(frames[i], vcpu.domain->id, PageType::segdesc);
        if (!page) {
            while (i--) TypedRef::release(page_of(frames[i]));
            return page.error();
        }
        (void)(*std::move(page)).leak();
    }
    std::array<Mfn, max_gdt_frames> former = vcpu.gdt_frames;
    u32 former_entries = vcpu.gdt_entries;
    vcpu.gdt_frames = {};
    std::copy_n(frames.begin(), count, vcpu.gdt_frames.begin());
    vcpu.gdt_entries = entries;
    hal::load_descriptor_tables(vcpu);
    release_frames(former, former_entries);  // the processor uses them no more
    return {};
}

namespace {
Result<Mfn> hold_ldt_page(Vcpu const& vcpu, u64 va) {  // again, fault
    Result<Pte> leaf = read_leaf(vcpu, va);
    if (!leaf) return Errno::fault;
    Result<TypedRef> page = get_typed(leaf->mfn(), vcpu.domain->id, PageType::segdesc);
    if (!page) return page.error() == Errno::again ? Errno::again : Errno::fault;
    return (*std::move(page)).leak_mfn();
}
}  // namespace

Result<> load_ldt_page(Vcpu& vcpu, u32 page) {
    if (page >= descriptor_pages(vcpu.ldt_entries) || vcpu.ldt_frames[page].value) return Errno::fault;
    vcpu.ldt_frames[page] = TRY(hold_ldt_page(vcpu, vcpu.ldt_base + page * page_size));
    hal::load_descriptor_tables(vcpu);
    return {};
}

Result<> load_ldt_page_of(Vcpu& vcpu, u16 selector) {
    constexpr u16 local = 4;
    return selector & local ? load_ldt_page(vcpu, (selector >> 3) / descriptors_per_page) : Errno::fault;
}

// Linux makes the pages read-only before it sets the table, so they are usually fit at once; where one is just becoming
// it the call comes again, since the guest may count on it from here on.
Result<> set_ldt(Vcpu& vcpu, u64 base, u64 entries) {
    if (entries > max_ldt_entries) return Errno::inval;
    if (entries && (base % page_size || !is_guest_range(base, entries * 8))) return Errno::inval;
    std::array<Mfn, max_ldt_frames> frames{};
    for (u32 page = 0; page * descriptors_per_page < entries; ++page) {
        Result<Mfn> const held = hold_ldt_page(vcpu, base + page * page_size);
        if (held) frames[page] = *held;
        if (held || held.error() != Errno::again) continue;
        u32 held_entries = static_cast<u32>(entries);
        release_frames(frames, held_entries);
        return Errno::again;
    }
    std::array<Mfn, max_ldt_frames> former = std::exchange(vcpu.ldt_frames, frames);
    u32 former_entries = vcpu.ldt_entries;
    vcpu.ldt_base = entries ? base : 0;
    vcpu.ldt_entries = static_cast<u32>(entries);
    hal::load_descriptor_tables(vcpu);
    release_frames(former, former_entries);
    return {};
}

Result<> store_descriptor(Domain& domain, Maddr place, u64 descriptor) {
    Result<u64> const stored = checked_descriptor(descriptor);
    if (place.value % sizeof(u64) || !stored) return Errno::inval;
    PageRef page = TRY(get_page(Mfn{place.value >> page_shift}, domain.id));
    PageType const kind = page->kind() == PageType::segdesc && page->uses() ? PageType::segdesc : PageType::writable;
    Result<TypedRef> hold = promote(std::move(page), kind);
    if (!hold) return hold.error() == Errno::again ? Errno::again : Errno::inval;
    u64* const entry = reinterpret_cast<u64*>(hal::map(hold->mfn()) + place.value % page_size);
    __atomic_store_n(entry, *stored, __ATOMIC_RELEASE);
    return {};
}
}  // namespace hv

// SPDX-License-Identifier: MIT
#include "core/hypercall/reservation.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/typed_ref.hpp"
#include "public/memory.hpp"

namespace hv {
namespace {
void free_extent(PageInfo& first, u32 order, Domid owner) {
    for (u64 i = 0; i < u64{1} << order; hal::ask_in_turn(i++)) (void)drop_allocation((&first)[i], owner);
}

u32 wanted_bits(abi::MemoryReservation const& request) {
    return request.address_bits() ? request.address_bits() : any_address_bits;
}

// The place of an extent holds the pfn it is to be known by; the mfn takes its place.
Result<> populate(abi::MemoryReservation const& request, u64 index, Domain& domain) {
    guest_ptr<u64> place = request.extent_start + index;
    u64 pfn = TRY(copy_in(place));
    PageInfo* first = TRY(alloc_domain_frames(domain, request.extent_order, wanted_bits(request)));
    Mfn mfn = mfn_of(*first);
    Result<> told = copy_out(place, mfn.value);
    if (!told) {
        free_extent(*first, request.extent_order, domain.id);
        return told;
    }
    // Another vCPU may have given a frame back by now: then it has another owner's number.
    for (u64 i = 0; i < u64{1} << request.extent_order; ++i) {
        hal::ask_in_turn(i);
        if (Result<PageRef> const page = get_page(mfn + i, domain.id)) set_m2p(mfn + i, pfn + i);
    }
    return {};
}

Result<> increase(abi::MemoryReservation const& request, u64 index, Domain& domain) {
    PageInfo* first = TRY(alloc_domain_frames(domain, request.extent_order, wanted_bits(request)));
    if (request.extent_start.is_null()) return {};
    Result<> told = copy_out(request.extent_start + index, mfn_of(*first).value);
    if (!told) free_extent(*first, request.extent_order, domain.id);
    return told;
}

// A frame that is still mapped lives on until it is not, but the domain does not own it as memory any more.
Result<> decrease(abi::MemoryReservation const& request, u64 index, Domain& domain) {
    u64 mfn = TRY(copy_in(request.extent_start + index));
    for (u64 i = 0; i < u64{1} << request.extent_order; ++i) {
        hal::ask_in_turn(i);
        PageRef page = TRY(get_page(Mfn{mfn + i}, domain.id));
        TRY(drop_allocation(*page, domain.id));
        if (page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)
            TypedRef::release(*page);
        clear_m2p(page.mfn());
    }
    return {};
}
}  // namespace

u32 order_limit(Domain const& caller) { return caller.privileged ? max_order : 9; }

Outcome change_reservation(Vcpu& vcpu, HypercallArgs& args) {
    u32 command = static_cast<u32>(args[0]) & abi::memop::command_mask;
    u64 done = (args[0] & 0xffff'ffff) >> abi::memop::progress_shift;
    auto request = copy_in(guest_ptr<abi::MemoryReservation>{args[1]});
    if (!request) return static_cast<i64>(done);                 // as Xen: nothing was done, which is no error here
    u64 const most = 0xffff'ffff >> abi::memop::progress_shift;  // more could not be told in the progress bits
    if (request->nr_extents > most || done >= request->nr_extents) return static_cast<i64>(done);
    if (request->extent_order > order_limit(*vcpu.domain)) return static_cast<i64>(done);
    auto named = resolve_domain(*vcpu.domain, request->domid);
    if (!named) return named.error();

    auto* change = command == abi::memop::populate_physmap       ? populate
                   : command == abi::memop::decrease_reservation ? decrease
                                                                 : increase;
    u64 const every = request->extent_order ? 1 : hal::between_questions::extents;
    for (u64 first = done; done < request->nr_extents; ++done) {
        if (done % every == 0 && done > first && hal::should_preempt()) {
            args[0] = command | done << abi::memop::progress_shift;
            return Outcome::again();
        }
        if (!change(*request, done, **named)) break;
    }
    return static_cast<i64>(done);
}
}  // namespace hv

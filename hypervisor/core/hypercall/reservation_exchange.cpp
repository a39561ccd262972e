// SPDX-License-Identifier: MIT
// memory_op exchange. dom0's Linux makes its bounce buffers contiguous and low with it.
#include <algorithm>
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hypercall/reservation.hpp"
#include "core/mm/page_alloc.hpp"
#include "public/memory.hpp"

namespace hv {
namespace {
// Frames on their way from or to their owner, linked through demote_next. They have no references, and no other vCPU
// can get one: so they are on no demotion queue, and come to none. What is still here at the end is undone: `undo` gets
// each first frame.
template <class F>
class FrameChain {
public:
    explicit FrameChain(F undo) : undo_{undo} {}
    FrameChain(FrameChain const&) = delete;
    ~FrameChain() {
        for (u64 undone = 0; head_ != no_frame; hal::ask_in_turn(undone++)) undo_(pop());
    }
    void push(PageInfo& page) { page.demote_next = std::exchange(head_, static_cast<u32>(mfn_of(page).value)); }
    PageInfo& pop() {
        PageInfo& page = frame_table[head_];
        head_ = page.demote_next;
        return page;
    }
    bool empty() const { return head_ == no_frame; }

private:
    F undo_;
    u32 head_ = no_frame;
};

void give_to_owner(PageInfo& page) { page.count.fetch_or(PageInfo::allocated | 1, std::memory_order_acq_rel); }

// Only a frame that nothing else refers to may go.
Result<PageInfo*> take_frame(Mfn mfn, Domid owner) {
    PageInfo* const page = find_page(mfn);
    if (!page) return Errno::inval;
    constexpr u64 owners_own = PageInfo::allocated | 1;
    u64 expected = owners_own | PageInfo::owner_bits(owner) | (page->count.load() & PageInfo::mapped_elsewhere);
    bool taken = page->count.compare_exchange_strong(expected, expected - owners_own, std::memory_order_acq_rel);
    return taken ? Result<PageInfo*>{page} : Errno::inval;
}

// What is exchanged at a time: one extent of the larger order against as many of the smaller as it takes.
struct Chunk {
    u64 in_first, in_count, out_first, out_count;
};

Result<> exchange_chunk(abi::MemoryExchange const& request, Chunk chunk, Domain& domain) {
    FrameChain taken{give_to_owner};
    for (u64 i = 0; i < chunk.in_count; ++i) {
        u64 mfn = TRY(copy_in(request.in.extent_start + (chunk.in_first + i)));
        for (u64 k = 0; k < u64{1} << request.in.extent_order; ++k) {
            hal::ask_in_turn((i << request.in.extent_order) + k);
            taken.push(*TRY(take_frame(Mfn{mfn + k}, domain.id)));
        }
    }
    u64 const extent_size = u64{1} << request.out.extent_order;
    FrameChain fresh{[=](PageInfo& first) {
        for (u64 k = 0; k < extent_size; hal::ask_in_turn(k++)) free_exchanged((&first)[k]);
    }};
    u32 bits = request.out.address_bits() ? request.out.address_bits() : any_address_bits;
    for (u64 i = 0; i < chunk.out_count; ++i) {
        fresh.push(*TRY(alloc_domain_frames(domain, request.out.extent_order, bits, Limit::lifted)));
        TRY(copy_in(request.out.extent_start + (chunk.out_first + i)));
        if (((i + 1) << request.out.extent_order) % 64 == 0) (void)hal::should_preempt();  // small ones do not ask
    }

    // From here on nothing fails but the guest's own races with itself.
    for (u64 freed = 0; !taken.empty(); hal::ask_in_turn(freed++)) free_exchanged(taken.pop());
    for (u64 i = 0; i < chunk.out_count; ++i) {
        guest_ptr<u64> place = request.out.extent_start + (chunk.out_first + i);
        Mfn mfn = mfn_of(fresh.pop());
        auto pfn = copy_in(place);
        for (u64 k = 0; k < extent_size; ++k) {
            hal::ask_in_turn(i * extent_size + k);
            if (pfn) set_m2p(mfn + k, *pfn + k);
            give_to_owner(page_of(mfn + k));
        }
        (void)copy_out(place, mfn.value);
    }
    return {};
}

Result<> check(abi::MemoryExchange const& request, Domain const& caller) {
    if (request.in.extent_order > order_limit(caller) || request.out.extent_order > order_limit(caller))
        return Errno::perm;
    constexpr u64 most = u64{1} << 40;
    if (request.in.nr_extents > most || request.out.nr_extents > most) return Errno::inval;
    if (request.in.nr_extents << request.in.extent_order != request.out.nr_extents << request.out.extent_order)
        return Errno::inval;
    if (request.in.domid != request.out.domid || request.nr_exchanged > request.in.nr_extents) return Errno::inval;
    return {};
}
}  // namespace

Outcome exchange_frames(Vcpu& vcpu, guest_ptr<abi::MemoryExchange> place) {
    abi::MemoryExchange request = TRY(copy_in(place));
    TRY(check(request, *vcpu.domain));
    DomainRef const named = TRY(resolve_domain(*vcpu.domain, request.in.domid));

    u32 const order = std::max(request.in.extent_order, request.out.extent_order);
    u64 const in_count = u64{1} << (order - request.in.extent_order);
    u64 const out_count = u64{1} << (order - request.out.extent_order);
    if (request.nr_exchanged % in_count || request.in.nr_extents % in_count) return Errno::inval;

    Outcome outcome{};
    u64 const started_at = request.nr_exchanged;
    while (request.nr_exchanged < request.in.nr_extents) {
        if (request.nr_exchanged > started_at && hal::should_preempt()) {
            outcome = Outcome::again();  // nr_exchanged in the guest's structure is the progress
            break;
        }
        u64 chunk = request.nr_exchanged / in_count;
        Result<> exchanged =
            exchange_chunk(request, {chunk * in_count, in_count, chunk * out_count, out_count}, *named);
        if (!exchanged) {
            outcome = exchanged;
            break;
        }
        request.nr_exchanged += in_count;
    }
    TRY(copy_out(place, request));
    return outcome;
}
}  // namespace hv

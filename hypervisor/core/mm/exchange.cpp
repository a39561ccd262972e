// SPDX-License-Identifier: MIT
// memory_op exchange. dom0's Linux makes its bounce buffers contiguous and low with it.
#include <algorithm>
#include "core/guest_access.hpp"
#include "core/mm/m2p.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/reservation.hpp"
#include "public/memory.hpp"

namespace hv {
namespace {
// Frames on their way out: taken from their owner, held by one reference each, linked through demote_next (a frame
// without any other reference is on no demotion queue).
class TakenFrames {
public:
    explicit TakenFrames(Domain& domain) : domain_{domain} {}
    TakenFrames(TakenFrames const&) = delete;
    ~TakenFrames() {  // not committed: back to the owner
        for_each([](PageInfo& page) { page.count.fetch_or(PageInfo::allocated, std::memory_order_acq_rel); });
    }

    // Only a frame that nothing else refers to may go.
    Result<> take(Mfn mfn) {
        if (mfn.value >= max_mfn) return Errno::inval;
        PageInfo& page = page_of(mfn);
        u64 expected = PageInfo::allocated | PageInfo::owner_bits(domain_.id) | 1;
        if (!page.count.compare_exchange_strong(expected, expected & ~PageInfo::allocated, std::memory_order_acq_rel))
            return Errno::inval;
        page.demote_next = head_;
        head_ = static_cast<u32>(mfn.value);
        return {};
    }
    void commit() {
        for_each([](PageInfo& page) { PageRef::release(page); });
    }

private:
    template <class F>
    void for_each(F&& visit) {
        while (head_ != no_frame) {
            PageInfo& page = frame_table[head_];
            head_ = page.demote_next;
            visit(page);
        }
    }
    Domain& domain_;
    u32 head_ = no_frame;
};

// What is exchanged at a time: one extent of the larger order against as many of the smaller as it takes.
struct Chunk {
    u64 in_first, in_count, out_first, out_count;
};

class NewFrames {  // allocated for the chunk, freed again unless committed
public:
    explicit NewFrames(Domain& domain, u32 order) : domain_{domain}, order_{order} {}
    NewFrames(NewFrames const&) = delete;
    ~NewFrames() {
        while (head_ != no_frame) {
            u32 first = std::exchange(head_, frame_table[head_].demote_next);
            for (u64 i = 0; i < u64{1} << order_; ++i) (void)drop_allocation(frame_table[first + i], domain_.id);
        }
    }
    Result<> add(u32 address_bits) {
        PageInfo* first = TRY(alloc_domain_frames(domain_, order_, address_bits, Limit::lifted));
        first->demote_next = head_;
        head_ = static_cast<u32>(mfn_of(*first).value);
        return {};
    }
    Mfn pop() {
        u32 first = std::exchange(head_, frame_table[head_].demote_next);
        return Mfn{first};
    }

private:
    Domain& domain_;
    u32 order_;
    u32 head_ = no_frame;
};

Result<> exchange_chunk(abi::MemoryExchange const& request, Chunk chunk, Domain& domain) {
    TakenFrames taken{domain};
    for (u64 i = 0; i < chunk.in_count; ++i) {
        u64 mfn = TRY(copy_in(request.in.extent_start + (chunk.in_first + i)));
        for (u64 k = 0; k < u64{1} << request.in.extent_order; ++k) TRY(taken.take(Mfn{mfn + k}));
    }
    NewFrames fresh{domain, request.out.extent_order};
    u32 bits = request.out.address_bits() ? request.out.address_bits() : any_address_bits;
    for (u64 i = 0; i < chunk.out_count; ++i) TRY(fresh.add(bits));
    for (u64 i = 0; i < chunk.out_count; ++i) TRY(copy_in(request.out.extent_start + (chunk.out_first + i)));

    taken.commit();  // from here on nothing fails but the guest's own races with itself
    for (u64 i = 0; i < chunk.out_count; ++i) {
        guest_ptr<u64> place = request.out.extent_start + (chunk.out_first + i);
        Mfn mfn = fresh.pop();
        auto pfn = copy_in(place);
        if (!pfn) continue;
        for (u64 k = 0; k < u64{1} << request.out.extent_order; ++k) set_m2p(mfn + k, *pfn + k);
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

Outcome exchange_frames(Vcpu& vcpu, guest_ptr<void> argument) {
    guest_ptr<abi::MemoryExchange> place = argument.as<abi::MemoryExchange>();
    auto request = copy_in(place);
    if (!request) return request.error();
    Result<> checked = check(*request, *vcpu.domain);
    if (!checked) return checked;
    auto named = resolve_domain(*vcpu.domain, request->in.domid);
    if (!named) return named.error();

    u32 const order = std::max(request->in.extent_order, request->out.extent_order);
    u64 const in_count = u64{1} << (order - request->in.extent_order);
    u64 const out_count = u64{1} << (order - request->out.extent_order);
    if (request->nr_exchanged % in_count || request->in.nr_extents % in_count) return Errno::inval;

    Outcome outcome{};
    u64 const started_at = request->nr_exchanged;
    while (request->nr_exchanged < request->in.nr_extents) {
        if (request->nr_exchanged > started_at && hal::should_preempt()) {
            outcome = Outcome::again();  // nr_exchanged in the guest's structure is the progress
            break;
        }
        u64 chunk = request->nr_exchanged / in_count;
        Result<> exchanged =
            exchange_chunk(*request, {chunk * in_count, in_count, chunk * out_count, out_count}, **named);
        if (!exchanged) {
            outcome = exchanged;
            break;
        }
        request->nr_exchanged += in_count;
    }
    Result<> told = copy_out(place, *request);
    return told ? outcome : Outcome{told};
}
}  // namespace hv

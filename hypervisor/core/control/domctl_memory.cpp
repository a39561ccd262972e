// SPDX-License-Identifier: MIT
// What a domain's frames are, for tools that save it.
#include "core/control/domctl.hpp"
#include "core/guest_access.hpp"

namespace hv::control {
namespace {
constexpr u64 most_frames = 1024;  // a call; so it needs no continuation

u64 type_of_frame(u64 mfn, Domain& domain) {
    Result<PageRef> page = get_page(Mfn{mfn}, domain.id);
    if (!page) return abi::pfinfo::xtab;
    PageInfo const& info = **page;
    if (info.count.load(std::memory_order_relaxed) & PageInfo::heap) return abi::pfinfo::xtab;
    u64 const word = info.type.load(std::memory_order_acquire);
    u64 const pinned = word & PageInfo::pinned ? abi::pfinfo::lpintab : 0;
    if (!(word & PageInfo::use_mask)) return abi::pfinfo::notab;
    switch (PageInfo::kind_of(word)) {
        case PageType::l1: return abi::pfinfo::l1tab | pinned;
        case PageType::l2: return abi::pfinfo::l2tab | pinned;
        case PageType::l3: return abi::pfinfo::l3tab | pinned;
        case PageType::l4: return abi::pfinfo::l4tab | pinned;
        default: return abi::pfinfo::notab;
    }
}
}  // namespace

// The array holds frame numbers and gets their types in place.
Result<Reply> get_page_frame_info(Domain& domain, abi::DomctlGetpageframeinfo3 const& op) {
    if (op.num > most_frames) return Errno::toobig;
    GuestArray<u64> const array = TRY(GuestArray<u64>::make(op.array, op.num));
    for (u64 i = 0; i < op.num; ++i) {
        u64 const mfn = TRY(array.read(i));
        TRY(array.write(i, type_of_frame(mfn, domain)));
    }
    return Reply::updated;
}
}  // namespace hv::control

// SPDX-License-Identifier: MIT
#include "hypercall/memory.hpp"

#include <algorithm>

#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"
#include "public/mmu.hpp"

namespace paravane {
namespace {
std::string domain_words(std::uint16_t domid) { return " of domain " + std::to_string(domid); }
}  // namespace

Result<std::vector<std::uint64_t>> DomainMemory::populate(std::uint16_t domid, std::span<std::uint64_t const> pfns,
                                                          unsigned order) {
    HypercallBuffer list = TRY(xen_.allocate(pfns.size_bytes()));
    std::copy(pfns.begin(), pfns.end(), reinterpret_cast<std::uint64_t*>(list.data()));
    auto reservation = TRY(Argument<abi::MemoryReservation>::make(xen_));
    reservation->extent_start = {list.address()};
    reservation->nr_extents = pfns.size();
    reservation->extent_order = order;
    reservation->domid = {domid};
    int done = TRY(hypercall(xen_, "allocate memory" + domain_words(domid), abi::hypercall::memory_op,
                             {abi::memop::populate_physmap, reservation.address()}));
    std::size_t count = std::min(static_cast<std::size_t>(done), pfns.size());
    auto const* frames = reinterpret_cast<std::uint64_t const*>(list.data());
    return std::vector<std::uint64_t>(frames, frames + count);
}

Result<> DomainMemory::pin_l4(std::uint16_t domid, std::uint64_t frame) {
    auto op = TRY(Argument<abi::MmuextOp>::make(xen_));
    op->cmd = abi::mmuext::pin_l4_table;
    op->arg1.mfn = {frame};
    TRY(hypercall(xen_, "pin the page tables" + domain_words(domid), abi::hypercall::mmuext_op,
                  {op.address(), 1, 0, domid}));
    return {};
}

Result<std::uint64_t> DomainMemory::grant_table_frame(std::uint16_t domid) {
    std::string step = "set up the grant table" + domain_words(domid);
    auto frame = TRY(Argument<abi::Mfn>::make(xen_));
    auto op = TRY(Argument<abi::GnttabSetupTable>::make(xen_));
    op->dom = {domid};
    op->nr_frames = 1;
    op->frame_list = {frame.address()};
    TRY(hypercall(xen_, step, abi::hypercall::grant_table_op, {abi::gnttabop::setup_table, op.address(), 1}));
    if (op->status != abi::gntst::okay) return Error{step, "the hypervisor answers " + std::to_string(op->status)};
    return frame->value;
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// mmuext_op: pinning, roots, TLB flushes, LDT.
#include "base/page.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/flush.hpp"
#include "core/mm/progress.hpp"
#include "core/mm/root.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/mm/validate.hpp"

namespace hv {
namespace {
Result<> pin(Mfn mfn, PageType level, Domain& owner) {
    TypedRef table = TRY(get_typed(mfn, owner.id, level));
    if (table->type.fetch_or(PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned) return Errno::inval;
    (void)std::move(table).leak();  // the pin holds it
    return {};
}

Result<> unpin(Mfn mfn, Domain& owner) {
    PageRef page = TRY(get_page(mfn, owner.id));
    if (!(page->type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned)) return Errno::inval;
    TypedRef::release(*page);
    return {};
}

// Both pages must be the caller's; they are written through the direct map.
Result<> clear_frame(Mfn mfn, Domain& owner) {
    TypedRef writable = TRY(get_writable(mfn, owner.id));
    clear_page(hal::map(mfn));
    return {};
}

Result<> copy_frame(Mfn to, Mfn from, Domain& owner) {
    PageRef source = TRY(get_page(from, owner.id));
    TypedRef target = TRY(get_writable(to, owner.id));
    copy_page(hal::map(to), hal::map(from));
    return {};
}

Result<> flush_vcpus(Domain& domain, u64 bitmap, std::optional<u64> address) {
    Result<CpuMask> cpus = cpus_of_vcpu_bitmap(domain, bitmap);
    if (!cpus) return Errno::inval;
    address ? hal::flush_tlb_page(*cpus, *address) : hal::flush_tlb(*cpus);
    return {};
}

// Operations on the caller's own processor and address space.
Result<> apply_own(Vcpu& vcpu, abi::MmuextOp const& op) {
    Domain& domain = *vcpu.domain;
    u64 address = op.arg1.linear_addr.value;
    switch (op.cmd) {
        case abi::mmuext::new_baseptr: return set_kernel_root(vcpu, op.arg1.mfn);
        case abi::mmuext::new_user_baseptr: return set_user_root(vcpu, op.arg1.mfn);
        case abi::mmuext::tlb_flush_local: hal::flush_tlb_local(); return {};
        case abi::mmuext::invlpg_local:
            if (is_guest_address(address)) hal::flush_tlb_page_local(address);
            return {};
        case abi::mmuext::tlb_flush_multi: return flush_vcpus(domain, op.arg2.raw, std::nullopt);
        case abi::mmuext::invlpg_multi:
            if (!is_guest_address(address)) return {};
            return flush_vcpus(domain, op.arg2.raw, address);
        case abi::mmuext::tlb_flush_all: hal::flush_tlb(cpus_of(domain)); return {};
        case abi::mmuext::invlpg_all:
            if (is_guest_address(address)) hal::flush_tlb_page(cpus_of(domain), address);
            return {};
        case abi::mmuext::flush_cache:
        case abi::mmuext::flush_cache_global: return domain.may_map_io ? Errno::ok : Errno::acces;
        case abi::mmuext::set_ldt: return set_ldt(vcpu, address, op.arg2.nr_ents);
        default: return Errno::nosys;
    }
}

constexpr bool is_for_own_only(u32 cmd) {
    return cmd == abi::mmuext::new_baseptr || (cmd >= abi::mmuext::tlb_flush_local && cmd <= abi::mmuext::set_ldt) ||
           cmd == abi::mmuext::new_user_baseptr || cmd == abi::mmuext::flush_cache_global;
}

Result<> apply(Vcpu& vcpu, abi::MmuextOp const& op, Domain& owner) {
    if (is_for_own_only(op.cmd)) {
        if (&owner != vcpu.domain) return Errno::perm;
        return apply_own(vcpu, op);
    }
    switch (op.cmd) {
        case abi::mmuext::pin_l1_table: return pin(op.arg1.mfn, PageType::l1, owner);
        case abi::mmuext::pin_l2_table: return pin(op.arg1.mfn, PageType::l2, owner);
        case abi::mmuext::pin_l3_table: return pin(op.arg1.mfn, PageType::l3, owner);
        case abi::mmuext::pin_l4_table: return pin(op.arg1.mfn, PageType::l4, owner);
        case abi::mmuext::unpin_table: return unpin(op.arg1.mfn, owner);
        case abi::mmuext::clear_page: return clear_frame(op.arg1.mfn, owner);
        case abi::mmuext::copy_page: return copy_frame(op.arg1.mfn, op.arg2.src_mfn, owner);
        case abi::mmuext::mark_super:
        case abi::mmuext::unmark_super: return Errno::opnotsupp;
        default: return Errno::nosys;
    }
}
[[gnu::noinline]] Errno run(Vcpu& vcpu, BatchArgs<abi::MmuextOp>& batch, Domain& owner) {
    for (; batch.left(); ++batch.done) {
        if (!vcpu.demotions.empty() && !drain_demotions(vcpu.demotions)) return Errno::again;
        if (batch.done > 0 && hal::should_preempt()) return Errno::again;
        abi::MmuextOp op;
        Result<> copied = copy_in(op, batch.next());
        Result<> applied = copied ? apply(vcpu, op, owner) : copied;
        if (!applied) return applied.error();
    }
    return Errno::ok;
}
}  // namespace

Outcome do_mmuext_op(Vcpu& vcpu, HypercallArgs& args) {
    auto batch = BatchArgs<abi::MmuextOp>::read(args);
    if (!batch) return batch.error();
    if (args[3] == abi::domid_self.value) [[likely]]
        return batch->finish(args, run(vcpu, *batch, *vcpu.domain));
    auto owner = resolve_domain(*vcpu.domain, Domid{static_cast<u16>(args[3])});
    return owner ? batch->finish(args, run(vcpu, *batch, **owner)) : Outcome{owner.error()};
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// mmuext_op: pinning, roots, TLB flushes, LDT.
#include <optional>
#include "base/page.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hypercall/batch_args.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/flush.hpp"
#include "core/mm/root.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
namespace {
bool take_pin(PageInfo& page) {
    return page.type.fetch_and(~PageInfo::pinned, std::memory_order_acq_rel) & PageInfo::pinned;
}

// The end of a domain takes each frame's pin once. Either it sees this one, or its beginning is seen here, behind the
// pin.
Result<> pin(Mfn mfn, PageType level, Domain& owner) {
    TypedRef table = TRY(get_typed(mfn, owner.id, level));
    if (table->type.fetch_or(PageInfo::pinned, std::memory_order_seq_cst) & PageInfo::pinned) return Errno::inval;
    if (owner.is_dying() && take_pin(*table)) return Errno::inval;
    (void)std::move(table).leak();  // the pin holds it, or whoever has taken that has let go of it
    return {};
}

Result<> unpin(Mfn mfn, Domain& owner) {
    PageRef page = TRY(get_page(mfn, owner.id));
    if (!take_pin(*page)) return Errno::inval;
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

// Of one page, or of everything if there is no address. Addresses that guests have nothing at are in no cache.
Result<> flush(CpuMask const& cpus, std::optional<u64> address) {
    if (!address) hal::flush_tlb(cpus);
    else if (is_guest_address(*address)) hal::flush_tlb_page(cpus, *address);
    return {};
}
Result<> flush_vcpus(Domain& domain, u64 bitmap, std::optional<u64> address) {
    Result<CpuMask> cpus = cpus_of_vcpu_bitmap(domain, bitmap);
    return cpus ? flush(*cpus, address) : Errno::inval;
}

// Operations on the caller's own processor and address space.
constexpr bool is_for_own_only(u32 cmd) {
    return cmd == abi::mmuext::new_baseptr || (cmd >= abi::mmuext::tlb_flush_local && cmd <= abi::mmuext::set_ldt) ||
           cmd == abi::mmuext::new_user_baseptr || cmd == abi::mmuext::flush_cache_global;
}

[[gnu::always_inline]] inline Result<> apply(Vcpu& vcpu, abi::MmuextOp const& op, Domain& owner) {
    if (&owner != vcpu.domain && is_for_own_only(op.cmd)) [[unlikely]]
        return Errno::perm;
    u64 const address = op.arg1.linear_addr.value;
    switch (op.cmd) {
        case abi::mmuext::pin_l1_table:
        case abi::mmuext::pin_l2_table:
        case abi::mmuext::pin_l3_table:
        case abi::mmuext::pin_l4_table: {
            constexpr std::array levels{PageType::l1, PageType::l2, PageType::l3, PageType::l4};
            return pin(op.arg1.mfn, levels[op.cmd - abi::mmuext::pin_l1_table], owner);
        }
        case abi::mmuext::unpin_table: return unpin(op.arg1.mfn, owner);
        case abi::mmuext::clear_page: return clear_frame(op.arg1.mfn, owner);
        case abi::mmuext::copy_page: return copy_frame(op.arg1.mfn, op.arg2.src_mfn, owner);
        case abi::mmuext::new_baseptr: return set_kernel_root(vcpu, op.arg1.mfn);
        case abi::mmuext::new_user_baseptr: return set_user_root(vcpu, op.arg1.mfn);
        case abi::mmuext::tlb_flush_local: hal::flush_tlb_local(); return {};
        case abi::mmuext::invlpg_local:
            if (is_guest_address(address)) hal::flush_tlb_page_local(address);
            return {};
        case abi::mmuext::tlb_flush_multi: return flush_vcpus(owner, op.arg2.raw, {});
        case abi::mmuext::invlpg_multi: return flush_vcpus(owner, op.arg2.raw, address);
        case abi::mmuext::tlb_flush_all: return flush(owner.dirty_cpus, {});
        case abi::mmuext::invlpg_all: return flush(owner.dirty_cpus, address);
        case abi::mmuext::flush_cache:
        case abi::mmuext::flush_cache_global: return owner.may_map_io ? Errno::ok : Errno::acces;
        case abi::mmuext::set_ldt: return set_ldt(vcpu, address, op.arg2.nr_ents);
        case abi::mmuext::mark_super:
        case abi::mmuext::unmark_super: return Errno::opnotsupp;
        default: return Errno::nosys;
    }
}
}  // namespace

Outcome do_mmuext_op(Vcpu& vcpu, HypercallArgs& args) {
    auto batch = BatchArgs<abi::MmuextOp>::read(args);
    if (!batch) return batch.error();
    std::optional<DomainRef> other;
    if (args[3] != abi::domid_self.value) [[unlikely]] {
        Domid const id{static_cast<u16>(args[3])};
        if (id == vcpu.domain->id) return Errno::srch;  // no foreign domain
        other.emplace(TRY(resolve_domain(*vcpu.domain, id)));
    }
    Domain& owner = other ? **other : *vcpu.domain;

    constexpr u64 every = hal::between_questions::mmuext_operations;
    for (; batch->left(); ++batch->done) {
        bool const ask = batch->done % every == every - 1;
        if (!drain_demotions(vcpu.demotions) || (ask && hal::should_preempt())) [[unlikely]]
            return batch->finish(args, Errno::again);
        abi::MmuextOp op;
        Result<> done = copy_in(op, batch->next());
        if (done) [[likely]]
            done = apply(vcpu, op, owner);
        if (!done) [[unlikely]]
            return batch->finish(args, done.error());
    }
    return batch->finish(args, Errno::ok);
}
}  // namespace hv

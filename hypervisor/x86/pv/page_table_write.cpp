// SPDX-License-Identifier: MIT
#include "x86/pv/page_table_write.hpp"

#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/mm/l1_entry.hpp"
#include "core/pv/execute.hpp"
#include "public/mmu.hpp"
#include "x86/cpu/msr.hpp"

namespace hv::x86 {
namespace {

pv::SegmentBases segment_bases() { return {.fs = msr::read(msr::fs_base), .gs = msr::read(msr::gs_base)}; }

constexpr u64 entry_of(u64 address) { return address & ~u64{7}; }

// The store as an exchange on the entry: hardware sets A and D in it at any time, other vCPUs write it.
Result<bool> apply(L1Slot const& slot, pv::Instruction const& instruction, abi::CpuUserRegs const& regs, Domain& domain,
                   pv::Effect& effect) {
    u64 address = instruction.destination.value;
    Pte old = slot.load();
    effect = pv::execute(instruction, regs, pv::part_of_entry(old.raw, address, instruction.size));
    Pte fresh{pv::merge_into_entry(old.raw, address, instruction.size, effect.memory)};
    if (fresh == old) return true;
    return compare_exchange_l1(slot.entry, old, fresh, domain, PageOwner::of(domain));
}

}  // namespace

Emulated emulate_table_write(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address) {
    Domain& domain = *vcpu.domain;
    if (!(domain.vm_assist >> abi::vmassist::writable_pagetables & 1)) return Emulated::refused;
    Result<Pte> leaf = read_leaf(vcpu, address);
    if (!leaf || !leaf->is_present()) return Emulated::refused;
    if (leaf->is_writable()) {   // another vCPU was faster; only this CPU's TLB does not know yet
        hal::flush_tlb_page_local(address);
        return Emulated::elsewhere;
    }
    Maddr entry{leaf->mfn().value << page_shift | entry_of(address & (page_size - 1))};
    Result<L1Slot> slot = l1_slot_at(domain, entry);
    if (!slot) return Emulated::refused;

    FetchedCode code = fetch_code(regs);
    Result<pv::Instruction> instruction = pv::decode(code.view(), regs, segment_bases());
    if (!instruction || !pv::writes_memory(instruction->operation)) return Emulated::refused;
    u64 operand = instruction->destination.value;
    if (instruction->destination.place != pv::Operand::Place::memory || entry_of(operand) != entry_of(address) ||
        !pv::is_within_entry(operand, instruction->size))
        return Emulated::refused;

    pv::Effect effect;
    for (;;) {
        Result<bool> stored = apply(*slot, *instruction, regs, domain, effect);
        if (!stored) return stored.error() == Errno::again ? Emulated::elsewhere : Emulated::refused;
        if (*stored) break;
    }
    pv::retire(*instruction, effect, regs);
    return Emulated::done;
}

}  // namespace hv::x86

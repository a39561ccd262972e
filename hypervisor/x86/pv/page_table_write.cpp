// SPDX-License-Identifier: MIT
#include <array>
#include <optional>
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/mm/l1_entry.hpp"
#include "core/pv/execute.hpp"
#include "core/pv/table_store.hpp"
#include "public/mmu.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/pv/priv_op.hpp"

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

// Where another vCPU was faster the guest executes its instruction again, and not we: there interrupts come in, however
// often others change the entry.
Emulated not_stored(Result<bool> const& stored) {
    return stored || stored.error() == Errno::again ? Emulated::elsewhere : Emulated::refused;
}

// The usual instructions. Nothing: it is another one.
std::optional<Emulated> emulate_short(L1Slot const& slot, abi::CpuUserRegs& regs, u64 address, Domain& domain) {
    constexpr u64 fetched = 16;
    std::array<u64, 2> code;
    if ((regs.rip & (page_size - 1)) > page_size - fetched || regs.rip < hypervisor_end) return std::nullopt;
    if (!load_guest(code, regs.rip)) return std::nullopt;
    pv::TableStore store = pv::decode_table_store(reinterpret_cast<u8 const*>(code.data()));
    u32 byte = address & 7;
    // The fault's address is the operand's, as it lies within one entry.
    if (store.kind == pv::TableStore::Kind::none || (store.is_whole_entry() && byte != 0)) return std::nullopt;
    Pte old = slot.load();
    Pte fresh{pv::new_entry(store, regs, old.raw, byte)};
    if (fresh != old) {
        Result<bool> stored = compare_exchange_l1(slot.entry, old, fresh, domain, PageOwner::of(domain));
        if (!stored || !*stored) return not_stored(stored);
    }
    pv::retire(store, regs, old.raw, fresh.raw, byte);
    return Emulated::done;
}

Emulated emulate_any(Vcpu& vcpu, L1Slot const& slot, abi::CpuUserRegs& regs, u64 address) {
    FetchedCode code = fetch_code(regs);
    Result<pv::Instruction> instruction = pv::decode(code.view(), regs, segment_bases());
    if (!instruction || !pv::writes_memory(instruction->operation)) return Emulated::refused;
    u64 operand = instruction->destination.value;
    if (instruction->destination.place != pv::Operand::Place::memory || entry_of(operand) != entry_of(address) ||
        !pv::is_within_entry(operand, instruction->size))
        return Emulated::refused;

    pv::Effect effect;
    Result<bool> stored = apply(slot, *instruction, regs, *vcpu.domain, effect);
    if (!stored || !*stored) return not_stored(stored);
    pv::retire(*instruction, effect, regs);
    return Emulated::done;
}
}  // namespace

Emulated emulate_table_write(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address) {
    Domain& domain = *vcpu.domain;
    if (!(domain.vm_assist >> abi::vmassist::writable_pagetables & 1) || !is_guest_address(address))
        return Emulated::refused;
    u64 const root = vcpu.kernel_root.cr3_or(0);
    Pte leaf = walk_guest<1>(root, address);
    if (!leaf.is_present()) return Emulated::refused;
    if (leaf.is_writable()) {  // a table above forbids it for good, or another vCPU was faster and this TLB is behind
        if (!allows_writes(root, address)) return Emulated::refused;
        hal::flush_tlb_page_local(address);
        return Emulated::elsewhere;
    }
    Result<L1Slot> slot = l1_slot_at(domain, Maddr{(leaf.raw & Pte::address) | (address & (page_size - 8))});
    if (!slot) return Emulated::refused;
    std::optional<Emulated> outcome = emulate_short(*slot, regs, address, domain);
    return outcome ? *outcome : emulate_any(vcpu, *slot, regs, address);
}
}  // namespace hv::x86

// SPDX-License-Identifier: MIT
// From one vCPU to another. Everything of a vCPU that hardware holds is saved whole: guests may change segment bases,
// selectors and extended state without telling anybody.
#include "core/domain.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/descriptor.hpp"
#include "core/sched/scheduler.hpp"
#include "core/time/guest_time.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/speculation.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/cpu/xstate.hpp"
#include "x86/entry/deliver.hpp"
#include "x86/entry/exit.hpp"
#include "x86/mm/paging.hpp"
#include "x86/mm/tlb.hpp"
#include "x86/mm/window.hpp"

namespace hv::x86 {
namespace {
void save(CpuBlock& cpu, Vcpu& vcpu) {
    vcpu.regs = guest_frame(cpu);
    window::port_bitmap_offset(cpu.id) = window::ports_closed;
    if (!cpu.lacks_selectors) {
        asm volatile("mov %%es, %0" : "=r"(vcpu.regs.es));
        asm volatile("mov %%ds, %0" : "=r"(vcpu.regs.ds));
        asm volatile("mov %%fs, %0" : "=r"(vcpu.regs.fs));
        asm volatile("mov %%gs, %0" : "=r"(vcpu.regs.gs));
    }
    hal::save_segment_bases(vcpu);
    xstate::save(vcpu);
}

void load_tsc_aux(CpuBlock& cpu, Vcpu const& vcpu) {
    if (cpu.tsc_aux == vcpu.tsc_aux || !features::found.rdtscp) return;
    cpu.tsc_aux = vcpu.tsc_aux;
    msr::write(msr::tsc_aux, vcpu.tsc_aux);
}

// Selectors before bases: loading one changes the base. False if one of them faulted: it is null then.
bool load_selectors(abi::CpuUserRegs const& regs) {
    bool es = cpu::load_es(regs.es);
    bool ds = cpu::load_ds(regs.ds);
    bool fs = cpu::load_fs(regs.fs);
    bool gs = cpu::load_gs(regs.gs);
    return es && ds && fs && gs;
}

// Of a guest the kernel's root, whatever mode it is in: the runstate area is an address of its kernel.
void enter_tables(CpuBlock& cpu, Vcpu const& vcpu) {
    if (vcpu.is_idle()) {
        x86_tlb::load_root(paging::idle_root());
        tlb::note_idle(cpu.id);
        load_selectors({});
    } else {
        speculation::enter_domain(cpu.id, vcpu.domain->created);
        vcpu.domain->dirty_cpus.set(cpu.id);
        x86_tlb::load_root(vcpu.kernel_root);
    }
    window::load_descriptor_tables(vcpu);
}

// The rest of what hardware holds of a guest's vCPU.
void load(CpuBlock& cpu, Vcpu& vcpu) {
    abi::CpuUserRegs& regs = guest_frame(cpu);
    regs = vcpu.regs;
    cpu.lacks_selectors = !load_selectors(regs);
    hal::load_segment_bases(vcpu);
    hal::load_debug_registers(vcpu);
    hal::load_virtual_cr4(vcpu);
    load_tsc_aux(cpu, vcpu);
    xstate::load(vcpu);
    hal::load_virtual_ts(vcpu);
    sched::switched_in(vcpu);
    guest_time::switched_in(vcpu);
    if (!vcpu.in_kernel) x86_tlb::load_root(vcpu.user_root);
}
}  // namespace

bool find_selectors(CpuBlock& cpu, abi::CpuUserRegs& regs) {
    Vcpu& vcpu = *cpu.current;
    for (u16 const selector : {regs.es, regs.ds, regs.fs, regs.gs}) {
        Result<> const found = load_ldt_page_of(vcpu, selector);
        if (!found && found.error() == Errno::again) return false;
    }
    cpu.lacks_selectors = false;
    bool const is_bad = !load_selectors(regs);
    hal::load_segment_bases(vcpu);
    if (is_bad) deliver_failsafe(vcpu, regs);
    return true;
}

void switch_to(Vcpu& next) {
    CpuBlock& cpu = this_cpu();
    Vcpu& previous = *cpu.current;
    if (&previous == &next) return;
    if (!previous.is_idle()) save(cpu, previous);

    // Nothing of the previous one may be in use here when another CPU can have it, or free it.
    cpu.current = &next;
    enter_tables(cpu, next);
    if (!previous.is_idle() && next.domain != previous.domain) previous.domain->dirty_cpus.clear(cpu.id);
    sched::switched_out(previous);

    if (next.is_idle()) sched::switched_in(next);
    else load(cpu, next);
}
}  // namespace hv::x86

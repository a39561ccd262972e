// SPDX-License-Identifier: MIT
// From one vCPU to another. Everything of a vCPU that hardware holds is saved whole: guests may change segment bases,
// selectors and extended state without telling anybody.
#include "base/lock.hpp"
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/descriptor.hpp"
#include "core/pv/cpuid.hpp"
#include "core/pv/registers.hpp"
#include "core/sched/scheduler.hpp"
#include "core/time/guest_time.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/msr.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/paging.hpp"
#include "x86/mm/window.hpp"

// Intel SDM volume 1, chapter 13.
namespace hv::xstate {
namespace {
constexpr u64 x87 = 1;
constexpr usize legacy_size = 512;

constinit u64 components = 0;
constinit usize size = legacy_size;
constinit bool optimised = false;

void load_xcr0(u64 value) {
    CpuBlock& cpu = this_cpu();
    if (cpu.xcr0 == value) return;
    cpu::xsetbv(value);
    cpu.xcr0 = value;
}

// Where the last x87 instruction was and what it read, unless an exception is pending: processors that do not save that
// do not load it either, and the next vCPU would read it of the one before (XSA-52). It becomes the place of this FILD.
void forget_fpu_pointers() {
    static constinit u32 const anything = 0;
    asm volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(anything));
}

void save(Vcpu& vcpu) {
    cpu::clts();  // the guest's TS would make the save itself fault
    if (!components) {
        asm volatile("fxsaveq (%0)" : : "r"(vcpu.xstate) : "memory");
        return;
    }
    load_xcr0(components);
    if (optimised) asm volatile("xsaveopt64 (%0)" : : "r"(vcpu.xstate), "a"(~0u), "d"(~0u) : "memory");
    else asm volatile("xsave64 (%0)" : : "r"(vcpu.xstate), "a"(~0u), "d"(~0u) : "memory");
}

void load(Vcpu const& vcpu) {
    cpu::clts();
    if (features::found.leaks_fpu_pointers) forget_fpu_pointers();
    if (!components) {
        asm volatile("fxrstorq (%0)" : : "r"(vcpu.xstate) : "memory");
        return;
    }
    load_xcr0(components);
    asm volatile("xrstor64 (%0)" : : "r"(vcpu.xstate), "a"(~0u), "d"(~0u) : "memory");
    load_xcr0(vcpu.xcr0 & components ? vcpu.xcr0 : x87);
}
}  // namespace

void init_cpu() {
    if (!features::found.xsave) return;
    CpuidLeaf leaf = cpu::cpuid(0xd);
    components = (u64{leaf.edx} << 32 | leaf.eax) & pv::guest_xcr0_mask;
    this_cpu().xcr0 = 0;
    load_xcr0(components);
    size = cpu::cpuid(0xd).ebx;  // for what XCR0 enables now
    optimised = features::found.xsaveopt;
}

void set_xcr0(Vcpu& vcpu, u64 value) {
    vcpu.xcr0 = value;
    load_xcr0(value);
}
}  // namespace hv::xstate

// Makes the hardware follow changes of the vCPU that runs here. For any other vCPU its fields are all there is.
namespace hv::hal {
namespace {
constexpr u64 cr0_ts = 1u << 3;
constexpr u64 cr4_of_guest = pv::cr4_choosable & ~pv::cr4_osxsave;
constexpr u64 dr7_enabled = 0xff;

bool is_loaded(Vcpu const& vcpu) { return hv::this_cpu().current == &vcpu; }
}  // namespace

void load_root(Vcpu& vcpu) {
    if (!is_loaded(vcpu)) return;
    u64 const root = vcpu.in_kernel ? vcpu.kernel_root.cr3_or(0) : vcpu.user_root.cr3_or(0);
    x86_tlb::load_root(root ? root : paging::idle_root());  // as x86_tlb::load_root of one, shorter
}

void load_descriptor_tables(Vcpu& vcpu) {
    if (is_loaded(vcpu)) window::load_descriptor_tables(vcpu);
}

// The active GS base is that of the mode the vCPU is in; the processor keeps the other one for SWAPGS.
void load_segment_bases(Vcpu& vcpu) {
    if (!is_loaded(vcpu)) return;
    msr::write(msr::fs_base, vcpu.fs_base);
    msr::write(msr::gs_base, vcpu.in_kernel ? vcpu.gs_base_kernel : vcpu.gs_base_user);
    msr::write(msr::kernel_gs_base, vcpu.in_kernel ? vcpu.gs_base_user : vcpu.gs_base_kernel);
}

void set_segment_base(Vcpu& vcpu, u32 which, u64 value) {
    bool loaded = is_loaded(vcpu);
    switch (which) {
        case abi::segbase::fs:
            vcpu.fs_base = value;
            if (loaded) msr::write(msr::fs_base, value);
            break;
        case abi::segbase::gs_user:
            vcpu.gs_base_user = value;
            if (loaded) msr::write(msr::kernel_gs_base, value);
            break;
        default:
            vcpu.gs_base_kernel = value;
            if (loaded) msr::write(msr::gs_base, value);
    }
}

void save_segment_bases(Vcpu& vcpu) {
    if (!is_loaded(vcpu)) return;
    vcpu.fs_base = msr::read(msr::fs_base);
    u64 active = msr::read(msr::gs_base), inactive = msr::read(msr::kernel_gs_base);
    vcpu.gs_base_kernel = vcpu.in_kernel ? active : inactive;
    vcpu.gs_base_user = vcpu.in_kernel ? inactive : active;
}

// In kernel mode, where hypercalls come from: the user's GS is the inactive one.
bool load_user_gs_selector(Vcpu& vcpu, u16 selector) {
    if (!is_loaded(vcpu)) return false;
    cpu::swapgs();
    bool loaded = cpu::load_gs(selector);
    cpu::swapgs();
    vcpu.gs_base_user = msr::read(msr::kernel_gs_base);
    return loaded;
}

// Real breakpoints only while some are enabled: writing these registers is slow. What they have told goes with them, as
// the next #DB adds what it finds to what its vCPU was told before.
void load_debug_registers(Vcpu& vcpu) {
    if (!is_loaded(vcpu)) return;
    CpuBlock& cpu = hv::this_cpu();
    if (!(vcpu.debug_registers[7] & dr7_enabled)) {
        if (!cpu.debug_registers_loaded) return;
        cpu::write_dr7(pv::fixed_dr7(0));
        cpu::write_dr6(pv::fixed_dr6(0));
        cpu.debug_registers_loaded = false;
        return;
    }
    cpu::write_dr0(vcpu.debug_registers[0]);
    cpu::write_dr1(vcpu.debug_registers[1]);
    cpu::write_dr2(vcpu.debug_registers[2]);
    cpu::write_dr3(vcpu.debug_registers[3]);
    cpu::write_dr6(vcpu.debug_registers[6]);
    cpu::write_dr7(vcpu.debug_registers[7]);
    cpu.debug_registers_loaded = true;
}

void load_virtual_ts(Vcpu& vcpu) {
    if (!is_loaded(vcpu)) return;
    u64 value = cpu::read_cr0();
    if (vcpu.cr0_ts == !!(value & cr0_ts)) return;
    if (vcpu.cr0_ts) cpu::write_cr0(value | cr0_ts);
    else cpu::clts();
}

void load_virtual_cr4(Vcpu& vcpu) {
    if (!is_loaded(vcpu)) return;
    u64 now = cpu::read_cr4();
    u64 wanted = (now & ~cr4_of_guest) | (vcpu.cr4 & cr4_of_guest);
    if (!features::found.fsgsbase) wanted &= ~(u64{1} << 16);
    if (wanted != now) cpu::write_cr4(wanted);
}

// With the next use of a port it is asked for again.
void load_iopl(Vcpu& vcpu) {
    if (is_loaded(vcpu)) window::port_bitmap_offset(this_cpu()) = window::ports_closed;
}

void sync_vcpu(Vcpu& vcpu) {
    while (vcpu.running.load(std::memory_order_acquire) && vcpu.cpu.load(std::memory_order_relaxed) != this_cpu())
        spin_wait();
}

usize xstate_size() { return round_up(xstate::size, 64); }
void xstate_init(std::byte* area) {
    __builtin_memset(area, 0, xstate_size());
    u16 control = 0x37f;       // all x87 exceptions masked
    u32 sse_control = 0x1f80;  // all SSE exceptions masked
    __builtin_memcpy(area, &control, sizeof control);
    __builtin_memcpy(area + 24, &sse_control, sizeof sse_control);
}
}  // namespace hv::hal

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

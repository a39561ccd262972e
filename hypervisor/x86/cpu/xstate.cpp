// SPDX-License-Identifier: MIT
// Intel SDM volume 1, chapter 13.
#include "x86/cpu/xstate.hpp"
#include "core/hal/vcpu.hpp"
#include "core/pv/cpuid.hpp"
#include "x86/cpu/features.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/this_cpu.hpp"

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

void set_xcr0(Vcpu& vcpu, u64 value) {
    vcpu.xcr0 = value;
    load_xcr0(value);
}
}  // namespace hv::xstate

namespace hv::hal {
usize xstate_size() { return round_up(xstate::size, 64); }
void xstate_init(std::byte* area) {
    __builtin_memset(area, 0, xstate_size());
    u16 control = 0x37f;       // all x87 exceptions masked
    u32 sse_control = 0x1f80;  // all SSE exceptions masked
    __builtin_memcpy(area, &control, sizeof control);
    __builtin_memcpy(area + 24, &sse_control, sizeof sse_control);
}
}  // namespace hv::hal

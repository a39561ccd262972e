// SPDX-License-Identifier: MIT
// The way back to guests, and the CPUs' time between them.
#pragma once
#include "core/vcpu.hpp"
#include "public/vcpu.hpp"

namespace hv {
struct CpuBlock;
}

namespace hv::x86 {
// For long work outside a guest's exit path, the start of dom0: what waits for this CPU gets its turn.
void serve_interrupts();

// Makes another vCPU the current one of this CPU: its state is in the hardware and its registers in the guest frame.
void switch_to(Vcpu& next);

// Loads the selectors that the current vCPU lacks, once their pages of the LDT are there, as its own load would find
// them: they need not be yet, although nothing is wrong. False: not yet. Others of the domain may keep them away for
// ever, so this is asked in the exit path, where everybody else gets his turn. A bad one is the failsafe callback's.
bool find_selectors(CpuBlock& cpu, abi::CpuUserRegs& regs);
}  // namespace hv::x86

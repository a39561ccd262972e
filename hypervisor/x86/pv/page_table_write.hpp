// SPDX-License-Identifier: MIT
// Guests map their page tables read-only and, with vm_assist writable_pagetables, write to those of level 1 as if they
// were not: the store faults and is done here, under the rules of update_va_mapping.
#pragma once
#include "x86/pv/priv_op.hpp"

namespace hv::x86 {
// The instruction at regs.rip of a guest kernel faulted on writing to `address`, which is mapped. `elsewhere`: nothing
// to emulate, the instruction is to be executed again.
Emulated emulate_table_write(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address);
}  // namespace hv::x86

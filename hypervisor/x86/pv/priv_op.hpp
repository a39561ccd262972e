// SPDX-License-Identifier: MIT
// Privileged instructions of a guest that runs in ring 3: they fault with #GP and are done here on its behalf.
#pragma once
#include <array>
#include <span>
#include "core/pv/decode.hpp"
#include "core/vcpu.hpp"

namespace hv::x86 {
// What became of an instruction. `refused`: the guest gets its #GP. `elsewhere`: an exception was delivered instead, or
// the domain was crashed; registers are as they are to be.
enum class Emulated : u8 { done, refused, elsewhere };

// The instruction at regs.rip, after a #GP with error code 0 from ring 3.
Emulated emulate_privileged(Vcpu& vcpu, abi::CpuUserRegs& regs);

// Up to 15 bytes at regs.rip, fewer if the rest cannot be read.
struct FetchedCode {
    std::array<u8, pv::max_instruction_bytes> bytes{};
    usize size = 0;
    std::span<u8 const> view() const { return std::span{bytes}.first(size); }
};
FetchedCode fetch_code(abi::CpuUserRegs const& regs);

// CPUID as the guest sees it, into rax, rbx, rcx and rdx.
void emulate_cpuid(Vcpu const& vcpu, abi::CpuUserRegs& regs);

// Guests map their page tables read-only and, with vm_assist writable_pagetables, write to those of level 1 as if they
// were not: the store faults and is done under the rules of update_va_mapping (x86/pv/page_table_write.cpp).
// The instruction at regs.rip of a guest kernel faulted on writing to `address`, which is mapped. `elsewhere`: nothing
// to emulate, the instruction is to be executed again.
Emulated emulate_table_write(Vcpu& vcpu, abi::CpuUserRegs& regs, u64 address);

// Ports (x86/pv/port.cpp).
Emulated emulate_port(Vcpu& vcpu, abi::CpuUserRegs& regs, pv::Instruction const& instruction);
struct PortRange {
    u16 first, count;
};
void deny_ports(PortRange range);  // at boot: the hypervisor drives a device there
void open_config_ports();          // at boot: dom0 has one vCPU, and between its accesses comes nobody
}  // namespace hv::x86

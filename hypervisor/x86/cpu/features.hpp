// SPDX-License-Identifier: MIT
// What the processor must have, the control registers as the hypervisor runs with them, and what is done so that a
// guest cannot steer speculation in the hypervisor or in another domain, and cannot see what the processor's buffers
// still hold of others. docs/speculation.md says what holds on which processor.
#pragma once
#include <optional>
#include "portable/base/types.hpp"

namespace hv::speculation {
// The words in which a processor tells of its weaknesses and of the means against them; 0 where it has no such word.
struct Processor {
    enum class Vendor : u8 { other, intel, amd };  // Hygon's are AMD's
    Vendor vendor = Vendor::other;
    u32 family = 0;          // as displayed: with the extended one
    u64 capabilities = 0;    // IA32_ARCH_CAPABILITIES
    u32 leaf7_ebx = 0;       // CPUID 7
    u32 leaf7_edx = 0;       // CPUID 7
    u32 leaf7_2_edx = 0;     // CPUID 7, subleaf 2
    u32 extended8_ebx = 0;   // CPUID 8000'0008h
    u32 extended21_eax = 0;  // CPUID 8000'0021h
    u32 extended21_ecx = 0;  // CPUID 8000'0021h
};
// What the command line says; nothing said leaves the choice to the processor.
struct Request {
    std::optional<bool> retpolines{};
    std::optional<bool> ibpb{};
    std::optional<bool> clears_buffers{};
    std::optional<bool> ibpb_on_entry{};
};
struct Choice {
    bool retpolines;
    bool ibpb;             // at every switch from a domain to another
    bool clears_buffers;   // by VERW on every way back to a guest
    bool ibpb_on_entry;    // before the first RET in C++
    bool automatic_ibrs;   // EFER
    u64 spec_ctrl;         // IA32_SPEC_CTRL; 0: left alone
    bool exposes_buffers;  // to be cleared, and are not
    bool exposes_history;  // of branches that eIBRS alone, or a retpoline that may fail, guards
    bool exposes_returns;  // predicted by what a guest has trained, and no barrier
};
Choice choose(Processor const& processor, Request const& request);

void init(Request const& request);           // once, while our code can still be written
void init_cpu();                             // on each
void enter_domain(CpuId cpu, Time created);  // by the time of its creation, which is its own
}  // namespace hv::speculation

namespace hv::features {
// Read once: where we run in a virtual machine ourselves, CPUID leaves it.
struct Features {
    bool xsave, xsaveopt, fsgsbase, smep, smap, rdtscp, stable_tsc;
    bool leaks_fpu_pointers;  // FXSAVE leaves out where the last x87 instruction was (AMD before Zen)
    u32 address_bits;
};
extern constinit Features found;

// Null if this processor will do, else what is wrong with it.
char const* missing();
// Guests share their address space with us. Where user mode can read through supervisor mappings (CVE-2017-5754), that
// needs tables of their own for each side, which we do not have. Other vendors' processors than Intel's are not
// affected.
bool has_meltdown();
// Once, before all else here, and while our code can still be written: it enables what opens guests' memory.
void read();
void init_cpu();  // CR0, CR4, EFER, PAT
// AMD's processors execute past an LFENCE unless told otherwise (software techniques for managing speculation, G-2);
// retpolines and guests rely on it. Where we run in a virtual machine ourselves, the register may be missing.
void make_lfence_serialize();
u64 control4();                      // CR4 as it is while no guest has a say
speculation::Processor processor();  // may be asked before read()
}  // namespace hv::features

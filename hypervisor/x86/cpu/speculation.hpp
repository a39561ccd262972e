// SPDX-License-Identifier: MIT
// What is done so that a guest cannot steer speculation in the hypervisor or in another domain, and cannot see what the
// processor's buffers still hold of others. docs/speculation.md says what holds on which processor.
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

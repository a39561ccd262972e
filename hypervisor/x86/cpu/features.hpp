// SPDX-License-Identifier: MIT
// What the processor must have, and the control registers as the hypervisor runs with them.
#pragma once
#include <initializer_list>
#include "portable/base/types.hpp"
#include "x86/cpu/speculation.hpp"

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
// Writes an instruction over those of a kind (entry/frame.h: PATCH_*).
enum class Site : u64 { verw, barrier, stac, clac };
void patch(Site kind, std::initializer_list<u8> instruction);
void init_cpu();  // CR0, CR4, EFER, PAT
// AMD's processors execute past an LFENCE unless told otherwise (software techniques for managing speculation, G-2);
// retpolines and guests rely on it. Where we run in a virtual machine ourselves, the register may be missing.
void make_lfence_serialize();
u64 control4();                      // CR4 as it is while no guest has a say
speculation::Processor processor();  // may be asked before read()
}  // namespace hv::features

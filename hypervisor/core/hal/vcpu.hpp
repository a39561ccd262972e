// SPDX-License-Identifier: MIT
// State of the current vCPU that hardware holds: its Vcpu fields were changed, make the hardware follow. No-ops when
// `vcpu` is not running on this CPU.
#pragma once
#include <cstddef>
#include "portable/base/types.hpp"

namespace hv {
struct Vcpu;
}

namespace hv::hal {
void load_root(Vcpu& vcpu);               // of the mode it is in, full local flush included
void load_descriptor_tables(Vcpu& vcpu);  // gdt_frames/gdt_entries, ldt_frames/ldt_entries
void load_segment_bases(Vcpu& vcpu);      // fs_base, gs_base_kernel, gs_base_user
void save_segment_bases(Vcpu& vcpu);      // hardware -> Vcpu (user space may have changed them)
// One of abi::segbase, of a vCPU in kernel mode: field and hardware.
void set_segment_base(Vcpu& vcpu, u32 which, u64 value);
bool load_user_gs_selector(Vcpu& vcpu, u16 selector);  // into the inactive GS; false (and a null selector) on a fault
void load_debug_registers(Vcpu& vcpu);
void load_virtual_ts(Vcpu& vcpu);  // cr0_ts changed
void load_virtual_cr4(Vcpu& vcpu);
void load_iopl(Vcpu& vcpu);
void sync_vcpu(Vcpu& vcpu);  // waits until a paused vCPU's state is in its Vcpu

// --- extended state areas
usize xstate_size();  // bytes of one area, 64-byte aligned by the allocator
void xstate_init(std::byte* area);
}  // namespace hv::hal

// SPDX-License-Identifier: MIT
// TLB flushes that guests ask for.
#pragma once
#include "core/domain.hpp"
#include "core/hal/cpu.hpp"
#include "public/mmu.hpp"

namespace hv {
// The CPUs that may hold entries of the vCPUs in the guest's bitmap (one bit a vCPU, max_vcpus bits). fault if
// unreadable.
Result<CpuMask> cpus_of_vcpu_bitmap(Domain& domain, u64 bitmap_address);

// The flags of update_va_mapping (UVMF_*), after the update succeeded. The usual ones, a page here and nothing, take
// the short way.
Result<> flush_where_asked(Vcpu& vcpu, u64 va, u64 flags);
inline Result<> flush_after_update(Vcpu& vcpu, u64 va, u64 flags) {
    if (flags == (abi::uvmf::invlpg | abi::uvmf::local)) {
        hal::flush_tlb_page_local(va);
        return {};
    }
    if ((flags & abi::uvmf::flushtype_mask) == abi::uvmf::none) return {};
    return flush_where_asked(vcpu, va, flags);
}
}  // namespace hv

// SPDX-License-Identifier: MIT
#include "core/mm/flush.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "public/mmu.hpp"

namespace hv {
Result<CpuMask> cpus_of_vcpu_bitmap(Domain& domain, u64 bitmap_address) {
    std::array<u64, (max_vcpus_per_domain + 63) / 64> bitmap{};
    u64 bytes = (domain.max_vcpus + 63) / 64 * sizeof(u64);
    TRY(copy_in_bytes(bitmap.data(), bitmap_address, bytes));
    CpuMask cpus;
    for (u32 id = 0; id < domain.max_vcpus; ++id) {
        Vcpu* vcpu = domain.vcpus[id];
        if (!(bitmap[id / 64] >> (id % 64) & 1) || !vcpu) continue;
        if (domain.dirty_cpus.test(vcpu->cpu)) cpus.set(vcpu->cpu);
    }
    return cpus;
}

Result<> flush_where_asked(Vcpu& vcpu, u64 va, u64 flags) {
    bool const page_only = (flags & abi::uvmf::flushtype_mask) == abi::uvmf::invlpg;
    u64 const where = flags & ~abi::uvmf::flushtype_mask;
    if (where == abi::uvmf::local) {
        hal::flush_tlb_local();
        return {};
    }
    Result<CpuMask> cpus =
        where == abi::uvmf::all ? Result<CpuMask>{vcpu.domain->dirty_cpus} : cpus_of_vcpu_bitmap(*vcpu.domain, where);
    if (!cpus) return cpus.error();
    if (page_only) hal::flush_tlb_page(*cpus, va);
    else hal::flush_tlb(*cpus);
    return {};
}
}  // namespace hv

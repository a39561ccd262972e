// SPDX-License-Identifier: MIT
#include "core/domain.hpp"
#include "core/mm/guest_area.hpp"
#include "core/time/guest_time.hpp"
#include "public/mmu.hpp"
#include "public/vcpu.hpp"

namespace hv::guest_time {
void write_runstate_area(Vcpu& vcpu) {
    if (!vcpu.runstate_area) return;
    // The entry is found by its address at each write, as the guest may map something else there meanwhile.
    Result<GuestArea> area = GuestArea::open(vcpu, vcpu.runstate_area, sizeof(abi::VcpuRunstateInfo));
    if (!area) return;
    abi::VcpuRunstateInfo info = vcpu.runstate;  // of a running vCPU: nobody else changes it
    constexpr usize entry_time_offset = offsetof(abi::VcpuRunstateInfo, state_entry_time);
    if (!(vcpu.domain->vm_assist >> abi::vmassist::runstate_update_flag & 1)) {
        area->store(0, &info, sizeof(info));
        return;
    }
    // Other vCPUs of the guest read the copy: the flag tells them to try again (vcpu.h).
    u64 const entry_time = info.state_entry_time;
    info.state_entry_time |= abi::runstate::update;
    area->store(entry_time_offset, &info.state_entry_time, sizeof(u64));
    std::atomic_thread_fence(std::memory_order_release);
    area->store(0, &info, sizeof(info));
    std::atomic_thread_fence(std::memory_order_release);
    area->store(entry_time_offset, &entry_time, sizeof(u64));
}
}  // namespace hv::guest_time

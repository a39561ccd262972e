// SPDX-License-Identifier: MIT
#include "core/event/two_level.hpp"
#include "core/event/virq.hpp"

namespace hv::two_level {
namespace {
// Where the vCPU looks for events. One that is not there yet finds them in shared_info when it starts.
abi::VcpuInfo* info_of(Domain& domain, u32 vcpu) {
    if (Vcpu* there = domain.vcpu(VcpuId{vcpu})) return __atomic_load_n(&there->info, __ATOMIC_ACQUIRE);
    return vcpu < legacy_vcpus ? &domain.shared_info->vcpu_info[vcpu] : nullptr;
}
}  // namespace

void select(Domain& domain, EvtchnPort port, u32 vcpu) {
    abi::VcpuInfo* const info = info_of(domain, vcpu);
    if (!info) return;  // registering an info page makes the vCPU look at every port
    u64 const word = u64{1} << word_of(port);
    if (__atomic_fetch_or(&info->evtchn_pending_sel, word, __ATOMIC_SEQ_CST) & word) return;
    if (Vcpu* there = domain.vcpu(VcpuId{vcpu})) notify_vcpu(*there);
    else __atomic_store_n(&info->evtchn_upcall_pending, u8{1}, __ATOMIC_SEQ_CST);
}

void clear_pending(Domain& domain, EvtchnPort port) {
    __atomic_fetch_and(&domain.shared_info->evtchn_pending[word_of(port)], ~bit_of(port), __ATOMIC_SEQ_CST);
}

bool is_pending(Domain const& domain, EvtchnPort port) {
    return __atomic_load_n(&domain.shared_info->evtchn_pending[word_of(port)], __ATOMIC_SEQ_CST) & bit_of(port);
}

void unmask(Domain& domain, EvtchnPort port, std::atomic<u32> const& vcpu) {
    u64& mask = domain.shared_info->evtchn_mask[word_of(port)];
    u64 const before = __atomic_fetch_and(&mask, ~bit_of(port), __ATOMIC_SEQ_CST);
    if ((before & bit_of(port)) && is_pending(domain, port)) select(domain, port, vcpu.load(std::memory_order_seq_cst));
}
}  // namespace hv::two_level

// SPDX-License-Identifier: MIT
// 2-level delivery: a bit per port in shared_info, a bit per 64 ports in vcpu_info (xen.h). The guest writes both.
#pragma once
#include "core/domain.hpp"
#include "public/event_channel.hpp"

namespace hv::two_level {
// Also for a port that only a mispredicted check has let through.
constexpr u32 word_of(EvtchnPort port) { return port.value % abi::evtchn_2l_nr_channels / 64; }
constexpr u64 bit_of(EvtchnPort port) { return u64{1} << (port.value % 64); }

// Sets the pending bit. False if it was set already: the guest knows.
inline bool set_pending(Domain& domain, EvtchnPort port) {
    u64& word = domain.shared_info->evtchn_pending[word_of(port)];
    return !(__atomic_fetch_or(&word, bit_of(port), __ATOMIC_SEQ_CST) & bit_of(port));
}
void clear_pending(Domain& domain, EvtchnPort port);
bool is_pending(Domain const& domain, EvtchnPort port);

// Makes the vCPU look at the port.
void select(Domain& domain, EvtchnPort port, u32 vcpu);
// After set_pending: makes the vCPU see the port unless it is masked.
inline void signal(Domain& domain, EvtchnPort port, std::atomic<u32> const& vcpu) {
    u64 const mask = __atomic_load_n(&domain.shared_info->evtchn_mask[word_of(port)], __ATOMIC_SEQ_CST);
    if (!(mask & bit_of(port))) select(domain, port, vcpu.load(std::memory_order_seq_cst));
}
void unmask(Domain& domain, EvtchnPort port, std::atomic<u32> const& vcpu);
}  // namespace hv::two_level

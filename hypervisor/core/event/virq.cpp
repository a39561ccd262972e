// SPDX-License-Identifier: MIT
// Virtual interrupts, and the functions by which the rest of the hypervisor uses event channels.
#include "core/event/event_channel.hpp"
#include "core/event/event_table.hpp"
#include "core/mm/heap.hpp"
#include "core/sched/scheduler.hpp"

namespace hv {
namespace {
// Which domain a global virq goes to; 0 is dom0.
constinit std::array<std::atomic<u16>, abi::virq::count> handlers{};
}  // namespace

Result<EventChannels*> create_event_channels(Domain& domain) {
    EventChannels* const events = make<EventChannels>(domain);
    if (!events) return Errno::nomem;
    return events;
}

bool close_all_event_channels(Domain& domain) {
    if (!domain.events->close_all() || !domain.events->leave_fifo()) return false;
    domain.events->pirqs().ends.end();
    return true;
}
void destroy_event_channels(Domain& domain) { destroy(domain.events); }

void send_virq(Vcpu& vcpu, u32 virq) { vcpu.domain->events->raise_virq(virq, vcpu.id); }

void send_global_virq(u32 virq) {
    u16 const id = handlers[virq].load(std::memory_order_relaxed);
    Result<DomainRef> handler = find_domain(Domid{id});
    if (!handler || (*handler)->is_dying()) {
        if (id == abi::dom0.value) return;  // it has not been built yet
        handlers[virq].store(abi::dom0.value, std::memory_order_relaxed);
        send_global_virq(virq);
        return;
    }
    if ((*handler)->events) (*handler)->events->raise_virq(virq, VcpuId{0});
}

Result<> set_virq_handler(Domain& domain, u32 virq) {
    if (virq >= abi::virq::count || abi::virq::is_per_vcpu(virq)) return Errno::inval;
    handlers[index_nospec(virq, handlers.size())].store(domain.id.value, std::memory_order_relaxed);
    return {};
}

Vcpu* handle_pirq(Domain& domain, u32 pirq) { return domain.events->raise_pirq(pirq); }

bool port_is_valid(Domain& domain, EvtchnPort port) { return domain.events->is_valid(port); }

bool port_is_pending(Domain& domain, EvtchnPort port) { return domain.events->is_pending(port); }

void notify_vcpu(Vcpu& vcpu) {
    abi::VcpuInfo* const info = __atomic_load_n(&vcpu.info, __ATOMIC_ACQUIRE);
    if (!info || __atomic_exchange_n(&info->evtchn_upcall_pending, u8{1}, __ATOMIC_SEQ_CST)) return;
    sched::wake(vcpu);
}

void watch_for_poller(Vcpu& vcpu) { vcpu.domain->events->add_poller(vcpu); }
}  // namespace hv

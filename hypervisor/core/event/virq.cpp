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

// Of a domain that is dying: nobody can name it any more, and its number may be another's soon.
void leave_virqs_to_dom0(Domain const& domain) {
    for (std::atomic<u16>& handler : handlers) {
        u16 expected = domain.id.value;
        handler.compare_exchange_strong(expected, abi::dom0.value, std::memory_order_relaxed);
    }
}
}  // namespace

Result<EventChannels*> create_event_channels(Domain& domain) {
    EventChannels* const events = make<EventChannels>(domain);
    if (!events) return Errno::nomem;
    return events;
}

bool close_all_event_channels(Domain& domain) {
    if (!domain.events->close_all() || !domain.events->leave_fifo()) return false;
    domain.events->pirqs().ends.end();
    leave_virqs_to_dom0(domain);
    return true;
}
void destroy_event_channels(Domain& domain) { destroy(domain.events); }

void send_virq(Vcpu& vcpu, u32 virq) { vcpu.domain->events->raise_virq(virq, vcpu.id); }

void send_global_virq(u32 virq) {
    auto const raise_in = [=](Domid id) {
        Result<DomainRef> const domain = find_domain(id);
        if (!domain || (*domain)->is_dying()) return false;
        (*domain)->events->raise_virq(virq, VcpuId{0});
        return true;
    };
    if (!raise_in(Domid{handlers[virq].load(std::memory_order_relaxed)})) (void)raise_in(abi::dom0);
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

// SPDX-License-Identifier: MIT
#include "core/event/virq.hpp"
#include "core/event/channels.hpp"

namespace hv {
namespace {
// Which domain a global virq goes to; 0 is dom0.
constinit std::array<std::atomic<u16>, abi::virq::count> handlers{};
}  // namespace

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

// Nobody can name it any more.
void leave_virqs_to_dom0(Domain const& domain) {
    for (std::atomic<u16>& handler : handlers) {
        u16 expected = domain.id.value;
        handler.compare_exchange_strong(expected, abi::dom0.value, std::memory_order_relaxed);
    }
}
}  // namespace hv

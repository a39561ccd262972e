// SPDX-License-Identifier: MIT
#include "hypercall/sysctl.hpp"

#include <algorithm>

#include "hypercall/raw_domain_info.hpp"
#include "public/hypercall.hpp"
#include "public/sysctl.hpp"

namespace paravane {
namespace {
using SysctlCall = Argument<abi::Sysctl>;

template <class Fill>
Result<SysctlCall> make_call(XenCall& xen, std::string step, std::uint32_t command, Fill fill) {
    SysctlCall op = TRY(SysctlCall::make(xen));
    op->cmd = command;
    op->interface_version = abi::sysctl_interface_version;
    fill(*op);
    TRY(hypercall(xen, std::move(step), abi::hypercall::sysctl, {op.address()}));
    return op;
}
}  // namespace

Result<std::vector<DomainInfo>> Sysctl::list_domains() {
    constexpr std::uint32_t batch = 256;
    HypercallBuffer list = TRY(xen_.allocate(batch * sizeof(abi::DomctlGetdomaininfo)));
    std::vector<DomainInfo> domains;
    for (std::uint32_t first = 0; first < abi::first_reserved_domid;) {
        auto fill = [&](abi::Sysctl& op) {
            op.u.getdomaininfolist.first_domain = {static_cast<std::uint16_t>(first)};
            op.u.getdomaininfolist.max_domains = batch;
            op.u.getdomaininfolist.buffer = {list.address()};
        };
        SysctlCall op = TRY(make_call(xen_, "list the domains", abi::sysctl::getdomaininfolist, fill));
        std::uint32_t count = std::min(op->u.getdomaininfolist.num_domains, batch);
        auto const* raw = reinterpret_cast<abi::DomctlGetdomaininfo const*>(list.data());
        for (std::uint32_t i = 0; i < count; ++i) domains.push_back(to_domain_info(raw[i]));
        if (count < batch) break;
        first = domains.back().id + 1u;
    }
    return domains;
}

Result<MachineFacts> Sysctl::machine() {
    SysctlCall op = TRY(make_call(xen_, "ask for the machine's size", abi::sysctl::physinfo, [](abi::Sysctl&) {}));
    abi::SysctlPhysinfo const& machine = op->u.physinfo;
    return MachineFacts{.cpus = machine.nr_cpus,
                        .cpu_khz = machine.cpu_khz,
                        .total_pages = machine.total_pages,
                        .free_pages = machine.free_pages};
}

Result<std::string> Sysctl::read_console(bool clear) {
    constexpr std::uint32_t chunk = 16384;
    HypercallBuffer text = TRY(xen_.allocate(chunk));
    std::string log;
    std::uint32_t index = 0;
    for (;;) {
        auto fill = [&](abi::Sysctl& op) {
            op.u.readconsole.incremental = 1;
            op.u.readconsole.index = index;
            op.u.readconsole.count = chunk;
            op.u.readconsole.buffer = {text.address()};
        };
        SysctlCall op = TRY(make_call(xen_, "read the hypervisor's log", abi::sysctl::readconsole, fill));
        std::uint32_t count = std::min(op->u.readconsole.count, chunk);
        if (count == 0) break;
        log.append(reinterpret_cast<char const*>(text.data()), count);
        index = op->u.readconsole.index;
    }
    if (clear) {
        TRY(make_call(xen_, "clear the hypervisor's log", abi::sysctl::readconsole, [&](abi::Sysctl& op) {
            op.u.readconsole.clear = 1;
            op.u.readconsole.count = chunk;
            op.u.readconsole.buffer = {text.address()};
        }));
    }
    return log;
}
}  // namespace paravane

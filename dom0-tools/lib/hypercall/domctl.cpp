// SPDX-License-Identifier: MIT
#include "hypercall/domctl.hpp"

#include <algorithm>

#include "public/domctl.hpp"
#include "public/event_channel.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"
#include "public/mmu.hpp"
#include "public/sysctl.hpp"
#include "public/vcpu.hpp"
#include "public/version.hpp"

namespace paravane {
namespace {
constexpr int restart = 85;  // ERESTART: never leaves the hypervisor on purpose, but is harmless to obey

std::string domain_words(std::uint16_t domid) { return " of domain " + std::to_string(domid); }

DomainInfo to_info(abi::DomctlGetdomaininfo const& raw) {
    DomainInfo info{};
    info.id = raw.domain.value;
    info.dying = (raw.flags & abi::dominf::dying) != 0;
    info.shutdown = (raw.flags & abi::dominf::shutdown) != 0;
    info.paused = (raw.flags & abi::dominf::paused) != 0;
    info.blocked = (raw.flags & abi::dominf::blocked) != 0;
    info.running = (raw.flags & abi::dominf::running) != 0;
    info.reason = static_cast<ShutdownReason>(raw.flags >> abi::dominf::shutdown_shift & abi::dominf::shutdown_mask);
    info.pages = raw.tot_pages;
    info.shared_info_frame = raw.shared_info_frame.value;
    info.cpu_time_ns = raw.cpu_time;
    info.online_vcpus = raw.nr_online_vcpus;
    std::copy_n(raw.handle.bytes, info.handle.size(), info.handle.begin());
    return info;
}
}  // namespace

Result<Domctl> Domctl::open() { return Domctl{TRY(XenCall::open())}; }

Result<int> Domctl::call(std::string step, unsigned number, XenCall::Arguments const& arguments) {
    Result<int> result = call_.call(step, number, arguments);
    if (!result && result.error().code != ENOMEM && result.error().code != ESRCH && result.error().code != EAGAIN &&
        result.error().code != EINTR && result.error().code != restart) {
        result.error().code = EIO;
    }
    return result;
}

template <class Fill>
Result<HypercallBuffer> Domctl::domctl(std::string step, std::uint32_t command, std::uint16_t domid, Fill fill) {
    HypercallBuffer buffer = TRY(call_.allocate(sizeof(abi::Domctl)));
    abi::Domctl& op = buffer.as<abi::Domctl>();
    op.cmd = command;
    op.interface_version = abi::domctl_interface_version;
    op.domain = {domid};
    fill(op);
    TRY(call(std::move(step), abi::hypercall::domctl, {buffer.address()}));
    return buffer;
}

template <class Fill>
Result<HypercallBuffer> Domctl::sysctl(std::string step, std::uint32_t command, Fill fill) {
    HypercallBuffer buffer = TRY(call_.allocate(sizeof(abi::Sysctl)));
    abi::Sysctl& op = buffer.as<abi::Sysctl>();
    op.cmd = command;
    op.interface_version = abi::sysctl_interface_version;
    fill(op);
    TRY(call(std::move(step), abi::hypercall::sysctl, {buffer.address()}));
    return buffer;
}

Result<> Domctl::domctl(std::string step, std::uint32_t command, std::uint16_t domid) {
    TRY(domctl(std::move(step), command, domid, [](abi::Domctl&) {}));
    return {};
}

Result<std::uint16_t> Domctl::create_domain(DomainHandle const& handle, std::uint32_t vcpus) {
    HypercallBuffer buffer =
        TRY(domctl("create a domain", abi::domctl::createdomain, 0, [&](abi::Domctl& op) {  // 0: the next free number
            abi::DomctlCreatedomain& create = op.u.createdomain;
            std::copy(handle.begin(), handle.end(), create.handle.bytes);
            create.max_vcpus = vcpus;
            create.max_evtchn_port = 1023;
            create.max_grant_frames = 64;
            create.max_maptrack_frames = 1024;
            create.grant_opts = 1;
        }));
    return buffer.as<abi::Domctl>().domain.value;
}

Result<> Domctl::set_max_vcpus(std::uint16_t domid, std::uint32_t vcpus) {
    TRY(domctl("set the number of vCPUs" + domain_words(domid), abi::domctl::max_vcpus, domid,
               [&](abi::Domctl& op) { op.u.max_vcpus.max = vcpus; }));
    return {};
}

Result<> Domctl::set_max_memory(std::uint16_t domid, std::uint64_t kib) {
    TRY(domctl("set the memory limit" + domain_words(domid), abi::domctl::max_mem, domid,
               [&](abi::Domctl& op) { op.u.max_mem.max_memkb = kib; }));
    return {};
}

Result<> Domctl::pause(std::uint16_t domid) {
    return domctl("pause domain " + std::to_string(domid), abi::domctl::pausedomain, domid);
}

Result<> Domctl::unpause(std::uint16_t domid) {
    return domctl("unpause domain " + std::to_string(domid), abi::domctl::unpausedomain, domid);
}

Result<> Domctl::destroy(std::uint16_t domid) {
    for (;;) {
        Result<> result = domctl("destroy domain " + std::to_string(domid), abi::domctl::destroydomain, domid);
        if (result) return result;
        int code = result.error().code;
        if (code != EAGAIN && code != EINTR && code != restart) return result;
    }
}

Result<> Domctl::set_vcpu_context(std::uint16_t domid, VcpuStart const& start) {
    HypercallBuffer context = TRY(call_.allocate(sizeof(abi::VcpuGuestContext)));
    abi::VcpuGuestContext& vcpu = context.as<abi::VcpuGuestContext>();
    vcpu.flags = abi::vgcf::in_kernel | abi::vgcf::online;
    vcpu.user_regs.rip = start.entry;
    vcpu.user_regs.rsp = start.stack;
    vcpu.user_regs.rsi = start.start_info;
    vcpu.user_regs.rflags = 1u << 9;  // interrupts enabled; the event mask is what keeps them away
    vcpu.user_regs.cs = abi::selector::flat_cs64;
    vcpu.user_regs.ss = abi::selector::flat_ss;
    vcpu.kernel_ss = abi::selector::flat_ss;
    vcpu.kernel_sp = start.stack;
    vcpu.ctrlreg[3] = start.l4_frame << abi::page_shift;
    TRY(domctl("set the registers of vCPU 0" + domain_words(domid), abi::domctl::setvcpucontext, domid,
               [&](abi::Domctl& op) {
                   op.u.vcpucontext.vcpu = {0};
                   op.u.vcpucontext.ctxt = {context.address()};
               }));
    return {};
}

Result<> Domctl::write_hypercall_page(std::uint16_t domid, std::uint64_t frame) {
    TRY(domctl("write the hypercall page" + domain_words(domid), abi::domctl::hypercall_init, domid,
               [&](abi::Domctl& op) { op.u.hypercall_init.gmfn = {frame}; }));
    return {};
}

Result<DomainInfo> Domctl::domain_info(std::uint16_t domid) {
    std::string step = "look at domain " + std::to_string(domid);
    HypercallBuffer buffer = TRY(domctl(step, abi::domctl::getdomaininfo, domid, [](abi::Domctl&) {}));
    // The hypervisor answers for the first domain with this number or a higher one.
    DomainInfo info = to_info(buffer.as<abi::Domctl>().u.getdomaininfo);
    if (info.id != domid) return Error{step, "there is no such domain", ESRCH};
    return info;
}

Result<std::vector<DomainInfo>> Domctl::list_domains() {
    constexpr std::uint32_t batch = 256;
    HypercallBuffer list = TRY(call_.allocate(batch * sizeof(abi::DomctlGetdomaininfo)));
    std::vector<DomainInfo> domains;
    for (std::uint32_t first = 0; first < abi::first_reserved_domid;) {
        HypercallBuffer buffer = TRY(sysctl("list the domains", abi::sysctl::getdomaininfolist, [&](abi::Sysctl& op) {
            op.u.getdomaininfolist.first_domain = {static_cast<std::uint16_t>(first)};
            op.u.getdomaininfolist.max_domains = batch;
            op.u.getdomaininfolist.buffer = {list.address()};
        }));
        std::uint32_t count = std::min(buffer.as<abi::Sysctl>().u.getdomaininfolist.num_domains, batch);
        auto const* raw = reinterpret_cast<abi::DomctlGetdomaininfo const*>(list.data());
        for (std::uint32_t i = 0; i < count; ++i) domains.push_back(to_info(raw[i]));
        if (count < batch) break;
        first = domains.back().id + 1u;
    }
    return domains;
}

Result<std::string> Domctl::version_text(unsigned command, std::size_t size) {
    HypercallBuffer buffer = TRY(call_.allocate(size + 1));  // one more than the hypervisor writes: always ends in 0
    TRY(call("ask for the hypervisor's version", abi::hypercall::xen_version, {command, buffer.address()}));
    return std::string{reinterpret_cast<char const*>(buffer.data())};
}

Result<HostFacts> Domctl::host_facts() {
    HostFacts facts{};
    int version = TRY(call("ask for the hypervisor's version", abi::hypercall::xen_version, {abi::xenver::version, 0}));
    std::string extra = TRY(version_text(abi::xenver::extraversion, sizeof(abi::XenExtraversion)));
    facts.version = std::to_string(version >> 16) + "." + std::to_string(version & 0xffff) + extra;
    facts.capabilities = TRY(version_text(abi::xenver::capabilities, sizeof(abi::XenCapabilitiesInfo)));
    while (facts.capabilities.ends_with(' ')) facts.capabilities.pop_back();
    facts.changeset = TRY(version_text(abi::xenver::changeset, sizeof(abi::XenChangesetInfo)));
    HypercallBuffer buffer = TRY(sysctl("ask for the machine's size", abi::sysctl::physinfo, [](abi::Sysctl&) {}));
    abi::SysctlPhysinfo const& machine = buffer.as<abi::Sysctl>().u.physinfo;
    facts.cpus = machine.nr_cpus;
    facts.cpu_khz = machine.cpu_khz;
    facts.total_pages = machine.total_pages;
    facts.free_pages = machine.free_pages;
    return facts;
}

Result<std::string> Domctl::read_console(bool clear) {
    constexpr std::uint32_t chunk = 16384;
    HypercallBuffer text = TRY(call_.allocate(chunk));
    std::string log;
    std::uint32_t index = 0;
    for (;;) {
        HypercallBuffer buffer =
            TRY(sysctl("read the hypervisor's log", abi::sysctl::readconsole, [&](abi::Sysctl& op) {
                op.u.readconsole.incremental = 1;
                op.u.readconsole.index = index;
                op.u.readconsole.count = chunk;
                op.u.readconsole.buffer = {text.address()};
            }));
        std::uint32_t count = std::min(buffer.as<abi::Sysctl>().u.readconsole.count, chunk);
        if (count == 0) break;
        log.append(reinterpret_cast<char const*>(text.data()), count);
        index = buffer.as<abi::Sysctl>().u.readconsole.index;
    }
    if (clear) {
        TRY(sysctl("clear the hypervisor's log", abi::sysctl::readconsole, [&](abi::Sysctl& op) {
            op.u.readconsole.clear = 1;
            op.u.readconsole.count = chunk;
            op.u.readconsole.buffer = {text.address()};
        }));
    }
    return log;
}

Result<std::vector<std::uint64_t>> Domctl::populate(std::uint16_t domid, std::span<std::uint64_t const> pfns,
                                                    unsigned order) {
    HypercallBuffer list = TRY(call_.allocate(pfns.size_bytes()));
    std::copy(pfns.begin(), pfns.end(), reinterpret_cast<std::uint64_t*>(list.data()));
    HypercallBuffer buffer = TRY(call_.allocate(sizeof(abi::MemoryReservation)));
    abi::MemoryReservation& reservation = buffer.as<abi::MemoryReservation>();
    reservation.extent_start = {list.address()};
    reservation.nr_extents = pfns.size();
    reservation.extent_order = order;
    reservation.domid = {domid};
    int done = TRY(call("allocate memory" + domain_words(domid), abi::hypercall::memory_op,
                        {abi::memop::populate_physmap, buffer.address()}));
    std::size_t count = std::min(static_cast<std::size_t>(done), pfns.size());
    auto const* frames = reinterpret_cast<std::uint64_t const*>(list.data());
    return std::vector<std::uint64_t>(frames, frames + count);
}

Result<> Domctl::pin_l4(std::uint16_t domid, std::uint64_t frame) {
    HypercallBuffer buffer = TRY(call_.allocate(sizeof(abi::MmuextOp)));
    abi::MmuextOp& op = buffer.as<abi::MmuextOp>();
    op.cmd = abi::mmuext::pin_l4_table;
    op.arg1.mfn = {frame};
    TRY(call("pin the page tables" + domain_words(domid), abi::hypercall::mmuext_op, {buffer.address(), 1, 0, domid}));
    return {};
}

Result<std::uint32_t> Domctl::allocate_port(std::uint16_t domid) {
    HypercallBuffer buffer = TRY(call_.allocate(sizeof(abi::EvtchnAllocUnbound)));
    abi::EvtchnAllocUnbound& op = buffer.as<abi::EvtchnAllocUnbound>();
    op.dom = {domid};
    op.remote_dom = abi::dom0;
    TRY(call("allocate an event channel" + domain_words(domid), abi::hypercall::event_channel_op,
             {abi::evtchnop::alloc_unbound, buffer.address()}));
    return op.port.value;
}

Result<std::uint64_t> Domctl::grant_table_frame(std::uint16_t domid) {
    std::string step = "set up the grant table" + domain_words(domid);
    HypercallBuffer frame = TRY(call_.allocate(sizeof(abi::Mfn)));
    HypercallBuffer buffer = TRY(call_.allocate(sizeof(abi::GnttabSetupTable)));
    abi::GnttabSetupTable& op = buffer.as<abi::GnttabSetupTable>();
    op.dom = {domid};
    op.nr_frames = 1;
    op.frame_list = {frame.address()};
    TRY(call(step, abi::hypercall::grant_table_op, {abi::gnttabop::setup_table, buffer.address(), 1}));
    if (op.status != abi::gntst::okay) return Error{step, "the hypervisor answers " + std::to_string(op.status), EIO};
    return frame.as<abi::Mfn>().value;
}
}  // namespace paravane

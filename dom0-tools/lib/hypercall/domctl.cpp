// SPDX-License-Identifier: MIT
#include "hypercall/domctl.hpp"

#include <algorithm>

#include "hypercall/raw_domain_info.hpp"
#include "public/domctl.hpp"
#include "public/hypercall.hpp"

namespace paravane {
namespace {
constexpr int restart = 85;  // ERESTART: never leaves the hypervisor on purpose, but is harmless to obey

using DomctlCall = Argument<abi::Domctl>;

std::string domain_words(std::uint16_t domid) { return " of domain " + std::to_string(domid); }

template <class Fill>
Result<DomctlCall> make_call(XenCall& xen, std::string step, std::uint32_t command, std::uint16_t domid, Fill fill) {
    DomctlCall op = TRY(DomctlCall::make(xen));
    op->cmd = command;
    op->interface_version = abi::domctl_interface_version;
    op->domain = {domid};
    fill(*op);
    TRY(hypercall(xen, std::move(step), abi::hypercall::domctl, {op.address()}));
    return op;
}

Result<> make_call(XenCall& xen, std::string step, std::uint32_t command, std::uint16_t domid) {
    TRY(make_call(xen, std::move(step), command, domid, [](abi::Domctl&) {}));
    return {};
}
}  // namespace

Result<std::uint16_t> Domctl::create_domain(DomainHandle const& handle, std::uint32_t vcpus) {
    auto fill = [&](abi::Domctl& op) {
        abi::DomctlCreatedomain& create = op.u.createdomain;
        std::copy(handle.begin(), handle.end(), create.handle.bytes);
        create.max_vcpus = vcpus;
        create.max_evtchn_port = 1023;
        create.max_grant_frames = 64;
        create.max_maptrack_frames = 1024;
        create.grant_opts = 1;
    };
    // Domain 0: the next free number.
    DomctlCall op = TRY(make_call(xen_, "create a domain", abi::domctl::createdomain, 0, fill));
    return op->domain.value;
}

Result<> Domctl::set_max_vcpus(std::uint16_t domid, std::uint32_t vcpus) {
    TRY(make_call(xen_, "set the number of vCPUs" + domain_words(domid), abi::domctl::max_vcpus, domid,
                  [&](abi::Domctl& op) { op.u.max_vcpus.max = vcpus; }));
    return {};
}

Result<> Domctl::set_max_memory(std::uint16_t domid, std::uint64_t kib) {
    TRY(make_call(xen_, "set the memory limit" + domain_words(domid), abi::domctl::max_mem, domid,
                  [&](abi::Domctl& op) { op.u.max_mem.max_memkb = kib; }));
    return {};
}

Result<> Domctl::pause(std::uint16_t domid) {
    return make_call(xen_, "pause domain " + std::to_string(domid), abi::domctl::pausedomain, domid);
}

Result<> Domctl::unpause(std::uint16_t domid) {
    return make_call(xen_, "unpause domain " + std::to_string(domid), abi::domctl::unpausedomain, domid);
}

Result<> Domctl::destroy(std::uint16_t domid) {
    for (;;) {
        Result<> result = make_call(xen_, "destroy domain " + std::to_string(domid), abi::domctl::destroydomain, domid);
        if (result) return result;
        int code = result.error().code;
        if (code != EAGAIN && code != EINTR && code != restart) return result;
    }
}

Result<> Domctl::set_handle(std::uint16_t domid, DomainHandle const& handle) {
    TRY(make_call(
        xen_, "set the handle" + domain_words(domid), abi::domctl::setdomainhandle, domid,
        [&](abi::Domctl& op) { std::copy(handle.begin(), handle.end(), op.u.setdomainhandle.handle.bytes); }));
    return {};
}

Result<> Domctl::set_vcpu_context(std::uint16_t domid, abi::VcpuGuestContext const& context) {
    auto vcpu = TRY(Argument<abi::VcpuGuestContext>::make(xen_));
    *vcpu = context;
    TRY(make_call(xen_, "set the registers of vCPU 0" + domain_words(domid), abi::domctl::setvcpucontext, domid,
                  [&](abi::Domctl& op) {
                      op.u.vcpucontext.vcpu = {0};
                      op.u.vcpucontext.ctxt = {vcpu.address()};
                  }));
    return {};
}

Result<> Domctl::write_hypercall_page(std::uint16_t domid, std::uint64_t frame) {
    TRY(make_call(xen_, "write the hypercall page" + domain_words(domid), abi::domctl::hypercall_init, domid,
                  [&](abi::Domctl& op) { op.u.hypercall_init.gmfn = {frame}; }));
    return {};
}

Result<DomainInfo> Domctl::domain_info(std::uint16_t domid) {
    std::string step = "look at domain " + std::to_string(domid);
    DomctlCall op = TRY(make_call(xen_, step, abi::domctl::getdomaininfo, domid, [](abi::Domctl&) {}));
    // The hypervisor answers for the first domain with this number or a higher one.
    DomainInfo info = to_domain_info(op->u.getdomaininfo);
    if (info.id != domid) return Error{step, "there is no such domain", ErrorKind::not_found, ESRCH};
    return info;
}
}  // namespace paravane

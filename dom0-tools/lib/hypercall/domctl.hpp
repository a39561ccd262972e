// SPDX-License-Identifier: MIT
// domctl, interface 0x15: what dom0 does to one domain. docs/control-api.md lists the arguments.
#pragma once
#include <cstdint>
#include <string>

#include "hypercall/call.hpp"
#include "hypercall/domain_info.hpp"

namespace abi {
struct VcpuGuestContext;
}

namespace paravane {
class Domctl {
public:
    explicit Domctl(XenCall& xen) : xen_{xen} {}

    Result<std::uint16_t> create_domain(DomainHandle const& handle, std::uint32_t vcpus);
    Result<> set_max_vcpus(std::uint16_t domid, std::uint32_t vcpus);
    Result<> set_max_memory(std::uint16_t domid, std::uint64_t kib);
    Result<> pause(std::uint16_t domid);
    Result<> unpause(std::uint16_t domid);
    // Repeats until the hypervisor is through with freeing what it can.
    Result<> destroy(std::uint16_t domid);
    Result<> set_handle(std::uint16_t domid, DomainHandle const& handle);
    Result<> set_vcpu_context(std::uint16_t domid, abi::VcpuGuestContext const& context);  // of vCPU 0
    Result<> write_hypercall_page(std::uint16_t domid, std::uint64_t frame);
    Result<DomainInfo> domain_info(std::uint16_t domid);

private:
    XenCall& xen_;
};
}  // namespace paravane

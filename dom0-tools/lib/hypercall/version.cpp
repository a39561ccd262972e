// SPDX-License-Identifier: MIT
#include "hypercall/version.hpp"

#include "public/hypercall.hpp"
#include "public/version.hpp"

namespace paravane {
namespace {
Result<int> ask(XenCall& xen, unsigned command, std::uint64_t argument) {
    return hypercall(xen, "ask for the hypervisor's version", abi::hypercall::xen_version, {command, argument});
}

Result<std::string> ask_for_text(XenCall& xen, unsigned command, std::size_t size) {
    HypercallBuffer buffer = TRY(xen.allocate(size + 1));  // one more than the hypervisor writes: always ends in 0
    TRY(ask(xen, command, buffer.address()));
    return std::string{reinterpret_cast<char const*>(buffer.data())};
}
}  // namespace

Result<VersionFacts> hypervisor_version(XenCall& xen) {
    VersionFacts facts;
    int version = TRY(ask(xen, abi::xenver::version, 0));
    std::string extra = TRY(ask_for_text(xen, abi::xenver::extraversion, sizeof(abi::XenExtraversion)));
    facts.version = std::to_string(version >> 16) + "." + std::to_string(version & 0xffff) + extra;
    facts.capabilities = TRY(ask_for_text(xen, abi::xenver::capabilities, sizeof(abi::XenCapabilitiesInfo)));
    while (facts.capabilities.ends_with(' ')) facts.capabilities.pop_back();
    facts.changeset = TRY(ask_for_text(xen, abi::xenver::changeset, sizeof(abi::XenChangesetInfo)));
    return facts;
}
}  // namespace paravane

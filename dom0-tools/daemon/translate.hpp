// SPDX-License-Identifier: MIT
// Between the types of our library and those of the API. No decisions here.
#pragma once
#include <grpcpp/support/status.h>
#include <hypervisor.pb.h>

#include "hypercall/domctl.hpp"
#include "os/error.hpp"

#include <string>

namespace paravane {
v1::Domain translate_domain(DomainInfo const& info, std::string const& name);
v1::DomainState translate_state(DomainInfo const& info);
v1::HostInfo translate_host(HostFacts const& facts, std::size_t domains);

// `operation` names what was asked for ("pause web"); it goes first in the message unless it is there already.
grpc::Status translate_error(Error const& error, std::string const& operation);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// Between the daemon's types and the API's messages. No decisions here; the specs of domains are in api/messages.hpp,
// since clients make them too.
#pragma once
#include <grpcpp/support/status.h>
#include <hypervisor.pb.h>

#include <string>

#include "api/messages.hpp"
#include "daemon/domain_manager.hpp"
#include "daemon/event_hub.hpp"
#include "os/error.hpp"

namespace paravane {
v1::Domain to_message(Domain const& domain);
v1::DomainState to_message(DomainInfo const& info);
v1::HostInfo to_message(Host const& host);
v1::Event to_message(Event const& event);

// `operation` names what was asked for ("pause web"); it goes first in the message unless it is there already.
grpc::Status translate_error(Error const& error, std::string const& operation);
}  // namespace paravane

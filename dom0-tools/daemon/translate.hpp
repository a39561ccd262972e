// SPDX-License-Identifier: MIT
// Between the daemon's types and the API's messages. No decisions here; the specs of domains are in api/messages.hpp,
// since clients make them too.
#pragma once
#include <grpcpp/support/status.h>
#include <paravane/v1/domains.pb.h>
#include <paravane/v1/events.pb.h>
#include <paravane/v1/host.pb.h>

#include <string>

#include "api/messages.hpp"
#include "daemon/engine.hpp"
#include "os/error.hpp"

namespace paravane {
// Revisions of one paravaned mean nothing to the next.
std::string revision_text(std::uint64_t revision);
Result<std::uint64_t> parse_revision(std::string const& text);
Error revision_too_old();

// `now`: as the hypervisor has it at this moment; null: as it was seen last.
v1::Domain to_message(DomainView const& view, std::string const& console_log, DomainInfo const* now = nullptr);
v1::DomainPhase phase_of(DomainView const& view);
v1::Operation to_message(Operation const& operation);
v1::Event to_message(Event const& event);
v1::HostInfo to_message(Host const& host);

// `operation` names what was asked for ("pause web"); it goes first in the message unless it is there already.
grpc::Status translate_error(Error const& error, std::string const& operation);

// The path of a field that we do not know; empty: there is none.
std::string unknown_field(google::protobuf::Message const& message);
}  // namespace paravane

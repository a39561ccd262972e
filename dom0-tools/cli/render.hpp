// SPDX-License-Identifier: MIT
// What pvctl prints: tables for people, the API's own messages as JSON for programs.
#pragma once
#include <google/protobuf/message.h>
#include <hypervisor.pb.h>

#include <span>
#include <string>

namespace paravane {
enum class OutputFormat { table, json };

std::string render_json(google::protobuf::Message const& message);       // several lines
std::string render_json_line(google::protobuf::Message const& message);  // one, for streams
std::string render_domains(v1::ListDomainsResponse const& domains);
std::string render_domain(v1::Domain const& domain);
std::string render_host(v1::HostInfo const& host);
std::string render_event(v1::Event const& event);
}  // namespace paravane

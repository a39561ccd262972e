// SPDX-License-Identifier: MIT
// What pvctl prints for people. What guests or files have a say in is printable.
#pragma once
#include <paravane/v1/consoles.pb.h>
#include <paravane/v1/devices.pb.h>
#include <paravane/v1/domains.pb.h>
#include <paravane/v1/events.pb.h>
#include <paravane/v1/host.pb.h>
#include <paravane/v1/operations.pb.h>

#include <span>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "cli/text.hpp"

namespace paravane {
Row domain_header(bool is_wide);
Row domain_row(v1::Domain const& domain, bool is_wide);
std::string render_domain(v1::Domain const& domain);
std::string render_host(v1::HostInfo const& host);
std::string render_event(v1::Event const& event);
Row operation_header();
Row operation_row(v1::Operation const& operation);
Row device_header();
Row device_row(v1::Device const& device);

// "running", or what else its phase is; "blocked" for a running one that waits.
std::string state_of(v1::Domain const& domain);
std::string display_name(v1::Domain const& domain);      // "-" for none
std::string short_name(v1::Operation const& operation);  // "create web"
Color color_of(v1::DomainPhase phase);
// Of a table with a header and then a row for each domain: its states in colours.
Paint paint_states(Output const& output, std::vector<v1::Domain> const& domains);
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "cli/render.hpp"

#include <google/protobuf/util/time_util.h>

#include <array>
#include <cstdio>

#include "cli/document.hpp"
#include "cli/domain_file.hpp"
#include "cli/values.hpp"
#include "domain/size.hpp"

namespace paravane {
namespace {
std::string seconds(google::protobuf::Duration const& duration) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.1fs", static_cast<double>(from_message(duration).count()) / 1e9);
    return text.data();
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + "MiB"; }

std::string or_dash(std::string const& text) { return text.empty() ? "-" : printable(text); }

std::string labels_of(v1::Metadata const& metadata) {
    std::map<std::string, std::string> const sorted{metadata.labels().begin(), metadata.labels().end()};
    std::string text;
    for (auto const& [key, value] : sorted) text += (text.empty() ? "" : ",") + key + "=" + value;
    return or_dash(text);
}

std::string condition_state(v1::Condition::Status status) {
    if (status == v1::Condition::STATUS_TRUE) return "yes";
    return status == v1::Condition::STATUS_FALSE ? "no" : "unknown";
}

std::string with_space(std::string const& text) { return text.empty() ? "" : "  " + printable(text); }

void add_conditions(std::string& text, v1::DomainStatus const& status) {
    if (status.conditions().empty()) return;
    std::vector<Row> rows{{"  CONDITION", "IS", "SINCE", "REASON", "MESSAGE"}};
    for (v1::Condition const& each : status.conditions())
        rows.push_back({"  " + printable(each.type()), condition_state(each.status()),
                        each.has_last_transition_time() ? format_time(each.last_transition_time()) : "-",
                        or_dash(each.reason()), printable(each.message())});
    text += "conditions:\n" + table(rows);
}

void add_devices(std::string& text, v1::DomainStatus const& status) {
    if (status.devices().empty()) return;
    std::vector<Row> rows{{"  DEVICE", "STATE", "BACKEND", "RESTARTS", "MESSAGE"}};
    for (v1::DeviceStatus const& each : status.devices())
        rows.push_back({"  " + printable(each.id()), word(each.state()),
                        each.backend_pid() == 0 ? "-" : std::to_string(each.backend_pid()),
                        std::to_string(each.backend_restarts()), printable(each.message())});
    text += "devices:\n" + table(rows);
}
}  // namespace

std::string state_of(v1::Domain const& domain) {
    v1::DomainStatus const& status = domain.status();
    if (status.phase() == v1::DOMAIN_PHASE_RUNNING && status.blocked()) return "blocked";
    return status.phase() == v1::DOMAIN_PHASE_UNSPECIFIED ? "-" : word(status.phase());
}

std::string display_name(v1::Domain const& domain) { return or_dash(domain.metadata().name()); }

Row domain_header(bool is_wide) {
    Row row{"ID", "NAME", "STATE", "MEMORY", "VCPUS", "CPU"};
    if (is_wide) row.insert(row.end(), {"WANTED", "RESTARTS", "AGE", "LABELS", "UID"});
    return row;
}

Row domain_row(v1::Domain const& domain, bool is_wide) {
    v1::DomainStatus const& status = domain.status();
    // What it has, and without a guest what it would get.
    std::uint64_t const memory = status.has_id() ? status.memory() : domain.spec().memory();
    std::uint32_t const vcpus = status.has_id() ? status.vcpus() : domain.spec().vcpus();
    Row row{status.has_id() ? std::to_string(status.id()) : "-",
            display_name(domain),
            state_of(domain),
            mebibytes(memory),
            std::to_string(vcpus),
            seconds(status.cpu_time())};
    if (is_wide)
        row.insert(
            row.end(),
            {domain.spec().power_state() == v1::POWER_STATE_UNSPECIFIED ? "-" : word(domain.spec().power_state()),
             std::to_string(status.restarts()), status.has_start_time() ? format_age(since(status.start_time())) : "-",
             labels_of(domain.metadata()), printable(domain.metadata().uid())});
    return row;
}

std::string render_domain(v1::Domain const& domain) {
    v1::Metadata const& metadata = domain.metadata();
    v1::DomainStatus const& status = domain.status();
    std::vector<Row> rows{{"name", printable(metadata.name())},
                          {"id", status.has_id() ? std::to_string(status.id()) : "-"},
                          {"uid", printable(metadata.uid())},
                          {"state", state_of(domain)}};
    if (status.has_id()) {
        rows.push_back({"memory", mebibytes(status.memory())});
        rows.push_back({"vcpus", std::to_string(status.vcpus())});
        rows.push_back({"cpu time", seconds(status.cpu_time())});
    }
    if (status.has_start_time())
        rows.push_back(
            {"started", format_time(status.start_time()) + ", " + format_age(since(status.start_time())) + " ago"});
    if (status.restarts() != 0) rows.push_back({"restarts", std::to_string(status.restarts())});
    if (status.has_last_end()) {
        v1::GuestEnd const& end = status.last_end();
        rows.push_back({"last end", word(end.reason()) + " of " + std::to_string(end.id()) + ", " +
                                        format_time(end.time()) + ", then " + word(end.action()) +
                                        with_space(end.core())});
    }
    if (status.has_next_start_time()) rows.push_back({"next start", format_time(status.next_start_time())});
    if (!status.console_log().empty()) rows.push_back({"console log", printable(status.console_log())});
    if (metadata.has_create_time()) rows.push_back({"created", format_time(metadata.create_time())});
    std::string wanted;
    for (auto const& [field, value] : list_fields(metadata, domain.spec()))
        if (field != "name" && field != "uid") wanted += "  " + printable(field) + ": " + printable(value) + "\n";
    if (domain.has_spec()) {  // what another tool made has none
        rows.push_back({"generation", std::to_string(metadata.generation()) +
                                          ", acted upon: " + std::to_string(status.observed_generation())});
        wanted = "wanted:\n" + wanted;
    }
    std::string text = table(rows) + wanted;
    add_conditions(text, status);
    add_devices(text, status);
    return text;
}

std::string render_host(v1::HostInfo const& host) {
    std::string features;
    for (std::string const& feature : host.features()) features += (features.empty() ? "" : " ") + printable(feature);
    std::vector<Row> rows{
        {"hypervisor", printable(host.hypervisor_version())},
        {"changeset", printable(host.changeset())},
        {"capabilities", printable(host.capabilities())},
        {"cpus", std::to_string(host.cpus()) + " at " + std::to_string(host.cpu_hz() / 1'000'000) + " MHz"},
        {"memory", mebibytes(host.memory_total())},
        {"memory free", mebibytes(host.memory_free())},
        {"memory claimed", mebibytes(host.memory_claimed())},
        {"domains", std::to_string(host.domains())},
        {"paravaned", printable(host.daemon_version())},
        {"features", features}};
    if (host.has_daemon_start_time()) rows.push_back({"paravaned since", format_time(host.daemon_start_time())});
    if (!host.hypervisor_answers()) rows.push_back({"trouble", "the hypervisor does not answer"});
    if (!host.store_answers()) rows.push_back({"trouble", "xenstored does not answer"});
    return table(rows);
}

std::string render_event(v1::Event const& event) {
    return format_time(event.time()) + "  " + word(event.kind()) + "  " +
           (event.has_id() ? std::to_string(event.id()) : "-") + "  " + or_dash(event.domain_name()) +
           with_space(event.reason()) + with_space(event.message()) + "\n";
}

std::string short_name(v1::Operation const& operation) {
    std::string verb = operation.method().substr(operation.method().rfind('/') + 1);
    for (std::string_view kind : {"Domain", "Device", "Network"})
        if (verb.ends_with(kind)) verb.resize(verb.size() - kind.size());
    for (char& c : verb)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return printable(verb) + " " + or_dash(operation.target_name());
}

Row operation_header() { return {"UID", "OPERATION", "STATE", "SINCE", "STEP", "BY"}; }

Row operation_row(v1::Operation const& operation) {
    std::string const state = !operation.done()       ? operation.cancel_requested() ? "cancelling" : "pending"
                              : operation.has_error() ? "failed"
                                                      : "done";
    std::string const step = operation.has_error() ? operation.error().message() : operation.step();
    return {printable(operation.uid()),           short_name(operation), state,
            format_time(operation.create_time()), or_dash(step),         or_dash(operation.caller())};
}

Row device_header() { return {"DEVICE", "KIND", "STATE", "BACKEND", "RESTARTS", "MESSAGE"}; }

Row device_row(v1::Device const& device) {
    v1::DeviceStatus const& status = device.status();
    google::protobuf::OneofDescriptor const* kinds = v1::DeviceSpec::descriptor()->FindOneofByName("kind");
    auto const* kind = device.spec().GetReflection()->GetOneofFieldDescriptor(device.spec(), kinds);
    return {or_dash(device.spec().id()),
            kind == nullptr ? "-" : kind->name(),
            word(status.state()),
            status.backend_pid() == 0 ? "-" : std::to_string(status.backend_pid()),
            std::to_string(status.backend_restarts()),
            printable(status.message())};
}

Color color_of(v1::DomainPhase phase) {
    switch (phase) {
        case v1::DOMAIN_PHASE_RUNNING: return Color::green;
        case v1::DOMAIN_PHASE_PAUSED:
        case v1::DOMAIN_PHASE_PENDING:
        case v1::DOMAIN_PHASE_BUILDING:
        case v1::DOMAIN_PHASE_DYING: return Color::yellow;
        case v1::DOMAIN_PHASE_CRASHED:
        case v1::DOMAIN_PHASE_FAILED: return Color::red;
        default: return Color::plain;
    }
}

Paint paint_states(Output const& output, std::vector<v1::Domain> const& domains) {
    constexpr std::size_t state_column = 2;
    return [&](std::size_t row, std::size_t column, std::string const& cell) {
        if (row == 0) return output.colored(Color::bold, cell);
        return column == state_column ? output.colored(color_of(domains.at(row - 1).status().phase()), cell) : cell;
    };
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "cli/render.hpp"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <vector>

#include "api/messages.hpp"

namespace paravane {
namespace {
using Row = std::vector<std::string>;

// Columns as wide as their widest cell, two spaces apart.
std::string table(std::vector<Row> const& rows) {
    std::vector<std::size_t> widths;
    for (Row const& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (Row const& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

std::string seconds(std::uint64_t ns) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.1fs", static_cast<double>(ns) / 1e9);
    return text.data();
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + "MiB"; }

template <class Enum>
std::string word(Enum value) {
    auto const* found = google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value);
    return found == nullptr ? std::to_string(value) : value_name(*found);
}

std::string json(google::protobuf::Message const& message, bool spread) {
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = spread;
    options.always_print_primitive_fields = true;
    options.preserve_proto_field_names = true;
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return "{}\n";
    if (!text.ends_with('\n')) text += '\n';
    return text;
}
}  // namespace

std::string render_json(google::protobuf::Message const& message) { return json(message, true); }
std::string render_json_line(google::protobuf::Message const& message) { return json(message, false); }

std::string render_domains(v1::ListDomainsResponse const& domains) {
    std::vector<Row> rows{{"ID", "NAME", "STATE", "MEMORY", "VCPUS", "CPU"}};
    for (v1::Domain const& domain : domains.domains()) {
        rows.push_back({std::to_string(domain.id()), domain.name().empty() ? "-" : domain.name(), word(domain.state()),
                        mebibytes(domain.memory()), std::to_string(domain.vcpus()), seconds(domain.cpu_time_ns())});
    }
    return table(rows);
}

std::string render_domain(v1::Domain const& domain) {
    std::vector<Row> rows{{"name", domain.name()},
                          {"id", std::to_string(domain.id())},
                          {"uuid", domain.uuid()},
                          {"state", word(domain.state())},
                          {"memory", mebibytes(domain.memory())},
                          {"vcpus", std::to_string(domain.vcpus())},
                          {"cpu time", seconds(domain.cpu_time_ns())}};
    if (domain.has_spec()) {
        v1::DomainSpec const& spec = domain.spec();
        rows.push_back({"kernel", spec.kernel()});
        if (!spec.initrd().empty()) rows.push_back({"initrd", spec.initrd()});
        if (!spec.cmdline().empty()) rows.push_back({"cmdline", spec.cmdline()});
        rows.push_back({"on_poweroff", word(spec.on_poweroff())});
        rows.push_back({"on_reboot", word(spec.on_reboot())});
        rows.push_back({"on_crash", word(spec.on_crash())});
    }
    if (!domain.console_log().empty()) rows.push_back({"console log", domain.console_log()});
    return table(rows);
}

std::string render_host(v1::HostInfo const& host) {
    return table({{"hypervisor", host.hypervisor_version()},
                  {"changeset", host.changeset()},
                  {"capabilities", host.capabilities()},
                  {"cpus", std::to_string(host.cpus()) + " at " + std::to_string(host.cpu_khz() / 1000) + " MHz"},
                  {"memory", mebibytes(host.memory_total())},
                  {"memory free", mebibytes(host.memory_free())},
                  {"domains", std::to_string(host.domains())},
                  {"paravaned", host.daemon_version()}});
}

std::string render_event(v1::Event const& event) {
    std::time_t when = event.time_ns() / 1'000'000'000;
    std::tm parts{};
    gmtime_r(&when, &parts);
    std::array<char, 32> time;
    std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    std::string text =
        std::string{time.data()} + "  " + word(event.kind()) + "  " + std::to_string(event.id()) + "  " + event.name();
    if (!event.detail().empty()) text += "  " + event.detail();
    if (event.lost() != 0) text += "  (" + std::to_string(event.lost()) + " events before this one are lost)";
    return text + "\n";
}
}  // namespace paravane

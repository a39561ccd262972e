// SPDX-License-Identifier: MIT
#include "daemon/console_process.hpp"

#include "backend/supervisor.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;
using supervisor::Client;
using supervisor::Device;

constexpr auto start_limit = 60s;

Device console_of(std::uint16_t domid) { return {.kind = "console", .domid = domid, .index = 0}; }
}  // namespace

std::string ConsoleProcesses::socket_path(std::uint16_t domid) const {
    return settings_.run_folder + "/console-" + std::to_string(domid) + ".sock";
}

std::string ConsoleProcesses::log_path(std::string const& name) const {
    return settings_.log_folder.empty() ? "" : settings_.log_folder + "/" + name + ".log";
}

Result<> ConsoleProcesses::start(std::uint16_t domid, DomainHandle const& uuid, std::uint32_t port,
                                 std::string const& name) const {
    auto started = [&]() -> Result<> {
        Client client = TRY(Client::connect(settings_.supervisor));
        return client.start({.device = console_of(domid),
                             .owner = uuid,
                             .log = settings_.log_folder.empty() ? "" : name,
                             .arguments = {"--port", std::to_string(port)}},
                            start_limit);
    }();
    if (!started) return std::move(started).error().within("start the console backend");
    return started;
}

void ConsoleProcesses::forget(std::uint16_t domid) const {
    Result<Client> client = Client::connect(settings_.supervisor);
    if (client) (void)static_cast<bool>(client->tell_to_stop(console_of(domid)));
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/console_process.hpp"

#include <unistd.h>

#include <vector>

#include "os/process.hpp"
#include "os/unix_socket.hpp"

namespace paravane {
std::string ConsoleProcesses::socket_path(std::uint16_t domid) const {
    return settings_.run_folder + "/console-" + std::to_string(domid) + ".sock";
}

std::string ConsoleProcesses::log_path(std::string const& name) const {
    return settings_.log_folder.empty() ? "" : settings_.log_folder + "/" + name + ".log";
}

Result<> ConsoleProcesses::start(std::uint16_t domid, std::uint32_t port, std::string const& name) const {
    std::vector<std::string> words{settings_.program,    "--domain", std::to_string(domid), "--port",
                                   std::to_string(port), "--socket", socket_path(domid)};
    if (std::string log = log_path(name); !log.empty()) words.insert(words.end(), {"--log", log});
    Result<> started = start_service(std::move(words));
    if (!started) return std::move(started).error().within("start the console backend " + settings_.program);
    return started;
}

void ConsoleProcesses::forget(std::uint16_t domid) const { unlink(socket_path(domid).c_str()); }

bool ConsoleProcesses::is_running(std::uint16_t domid) const {
    return static_cast<bool>(connect_unix(socket_path(domid)));
}
}  // namespace paravane

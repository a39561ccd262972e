// SPDX-License-Identifier: MIT
// Starts console backends (pvconsoled). They are not our children for long: they live on when we do not.
#pragma once
#include "os/error.hpp"

#include <cstdint>
#include <string>

namespace paravane {
struct ConsoleSettings {
    std::string program;     // path of pvconsoled
    std::string run_folder;  // for sockets
    std::string log_folder;  // empty: no logs
};

class ConsoleProcesses {
public:
    explicit ConsoleProcesses(ConsoleSettings settings) : settings_{std::move(settings)} {}

    // Returns when the console is being served.
    Result<> start(std::uint16_t domid, std::uint32_t port, std::string const& name) const;
    bool is_running(std::uint16_t domid) const;
    // Of a domain that is no more: a backend that was killed has not taken its socket away.
    void forget(std::uint16_t domid) const;

    std::string socket_path(std::uint16_t domid) const;
    std::string log_path(std::string const& name) const;  // empty: none

private:
    ConsoleSettings settings_;
};
}  // namespace paravane

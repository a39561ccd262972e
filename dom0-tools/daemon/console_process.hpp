// SPDX-License-Identifier: MIT
// Consoles of guests: the supervisor starts their backends, and keeps them alive when we are not.
#pragma once
#include <cstdint>
#include <string>

#include "hypercall/domain_info.hpp"
#include "os/error.hpp"

namespace paravane {
struct ConsoleSettings {
    std::string supervisor;  // its socket
    std::string run_folder;  // for sockets
    std::string log_folder;  // empty: no logs
};

class ConsoleProcesses {
public:
    explicit ConsoleProcesses(ConsoleSettings settings) : settings_{std::move(settings)} {}

    // Returns when the console is being served, which it may be already.
    Result<> start(std::uint16_t domid, DomainHandle const& uuid, std::uint32_t port, std::string const& name) const;
    // Of a domain that is no more. The supervisor would see that by itself, but later. Nobody waits for it: a guest
    // that is not gone before its pages are let go is waited for, and by then its log is complete.
    void forget(std::uint16_t domid) const;

    std::string socket_path(std::uint16_t domid) const;
    std::string log_path(std::string const& name) const;  // empty: none

private:
    ConsoleSettings settings_;
};
}  // namespace paravane

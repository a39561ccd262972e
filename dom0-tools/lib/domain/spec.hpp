// SPDX-License-Identifier: MIT
// What a domain is made from, and what such a spec must satisfy wherever it comes from: pvctl checks domain files with
// it, paravaned every request. Fields that may be left out begin with what they are then.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "os/error.hpp"

namespace paravane {
enum class EndAction : std::uint8_t {
    destroy,
    restart,
    preserve,
    rename_restart,
    coredump_destroy,
    coredump_restart,
    soft_reset
};
enum class PowerState : std::uint8_t { running, paused, stopped };

// The n-th guest in a row that ends sooner than `reset_after` waits initial * 2^(n-1), at most `limit`, to be followed.
struct BackOff {
    std::chrono::nanoseconds initial = std::chrono::seconds{1};
    std::chrono::nanoseconds limit = std::chrono::seconds{300};
    std::chrono::nanoseconds reset_after = std::chrono::seconds{10};
    std::uint32_t most_restarts = 0;  // of such guests in a row; 0: no bound

    bool operator==(BackOff const&) const = default;
};

using Labels = std::map<std::string, std::string>;

struct DomainSpec {
    std::string name;
    std::string kernel;  // absolute path in domain 0
    std::string initrd;  // likewise; empty: none
    std::string cmdline;
    std::uint64_t memory = 0;  // bytes
    std::uint32_t vcpus = 1;
    EndAction on_poweroff = EndAction::destroy;
    EndAction on_reboot = EndAction::restart;
    EndAction on_crash = EndAction::destroy;
    EndAction on_watchdog = EndAction::destroy;
    PowerState power_state = PowerState::running;
    bool ephemeral = false;  // gone when its guest has ended and is not followed by another
    BackOff back_off;
    Labels labels, annotations;
    std::string managed_by, owner;

    bool operator==(DomainSpec const&) const = default;
};

// The error's step is the field's name, and its fact "field" too.
Result<> check_domain_spec(DomainSpec const& spec);
// A name's rule, for requests that have nothing else.
Result<> check_domain_name(std::string const& name);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// What a domain is made from, and what such a spec must satisfy wherever it comes from: pvctl checks domain files with
// it, paravaned every request. Fields that may be left out begin with what they are then.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

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

// A disk of a guest. What is written as it was given, so that it is read back so.
struct BlockSpec {
    std::string path;          // absolute, in domain 0: a file or a block device
    std::string format;        // "raw"; empty: raw
    std::string target;        // as the guest names it: xvda
    std::uint32_t sector = 0;  // of a file, in bytes: 512 or 4096; 0: 512
    bool read_only = false;

    bool operator==(BlockSpec const&) const = default;
};

// A device besides the console, which every domain has.
struct DeviceSpec {
    std::string id;  // unique in its domain
    std::variant<BlockSpec> kind;

    bool operator==(DeviceSpec const&) const = default;
};
inline constexpr std::string_view console_id = "console";

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
    std::vector<DeviceSpec> devices;
    Labels labels, annotations;
    std::string managed_by, owner;

    bool operator==(DomainSpec const&) const = default;
};

// Null: it has none of this id.
DeviceSpec const* find_device(DomainSpec const& spec, std::string_view id);
// The number that the PV block interface gives to a name from xvda to xvdz.
std::optional<std::uint32_t> disk_number(std::string_view target);

// The error's step is the field's name, and its fact "field" too.
Result<> check_domain_spec(DomainSpec const& spec);
// A device's own rules; `field` is what errors call it.
Result<> check_device_spec(DeviceSpec const& device, std::string const& field);
// A name's rule, for requests that have nothing else.
Result<> check_domain_name(std::string const& name);
}  // namespace paravane

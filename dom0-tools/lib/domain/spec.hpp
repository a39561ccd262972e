// SPDX-License-Identifier: MIT
// What a domain is made from, and what such a spec must satisfy wherever it comes from: pvctl checks domain files with
// it, paravaned every request. Fields that may be left out begin with what they are then.
#pragma once
#include <cstdint>
#include <string>

#include "os/error.hpp"

namespace paravane {
enum class EndAction : std::uint8_t { destroy, restart, preserve };

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

    bool operator==(DomainSpec const&) const = default;
};

// The error's step is the field's name.
Result<> check_domain_spec(DomainSpec const& spec);
}  // namespace paravane

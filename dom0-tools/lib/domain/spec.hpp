// SPDX-License-Identifier: MIT
// What a DomainSpec must satisfy, wherever it comes from: pvctl checks domain files with it, paravaned every request.
#pragma once
#include <hypervisor.pb.h>

#include "os/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace paravane {
// The error's step is the field's name.
Result<> check_domain_spec(v1::DomainSpec const& spec);

// Every field that may be left out, filled in.
v1::DomainSpec with_defaults(v1::DomainSpec spec);

// "128MiB" as bytes. KiB, MiB and GiB are known; a bare number is refused, since nobody agrees on what it means.
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);  // in the largest unit that keeps it whole

// What a string of a message must be.
bool is_utf8(std::string_view text);

// END_ACTION_DESTROY <-> "destroy": the names of an enum's values as people write them.
std::string value_name(google::protobuf::EnumValueDescriptor const& value);
}  // namespace paravane

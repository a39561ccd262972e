// SPDX-License-Identifier: MIT
// The API's messages beside our own types, where daemon and client both need them.
#pragma once
#include <paravane/v1/domains.pb.h>

#include <chrono>
#include <string>

#include "domain/spec.hpp"

namespace paravane {
// What clients set of a domain: metadata and spec.
void fill_message(v1::Metadata& metadata, v1::DomainSpec& message, DomainSpec const& spec);
// What is unspecified gets its default. The error's step is the field's name.
Result<DomainSpec> from_message(v1::Metadata const& metadata, v1::DomainSpec const& message);

// `field` is what errors call it: "devices[1]", "device".
Result<DeviceSpec> from_message(v1::DeviceSpec const& message, std::string const& field);
v1::DeviceSpec to_message(DeviceSpec const& device);

v1::EndAction to_message(EndAction action);

// END_ACTION_DESTROY -> "destroy": the names of an enum's values as people write them.
std::string value_name(google::protobuf::EnumValueDescriptor const& value);

google::protobuf::Duration to_message(std::chrono::nanoseconds span);
google::protobuf::Timestamp to_message(std::chrono::sys_time<std::chrono::nanoseconds> time);
// Refuses what is not a duration from nothing to a day.
Result<std::chrono::nanoseconds> from_message(google::protobuf::Duration const& message, char const* field);
}  // namespace paravane

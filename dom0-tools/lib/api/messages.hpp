// SPDX-License-Identifier: MIT
// The API's messages beside our own types, where daemon and client both need them.
#pragma once
#include <hypervisor.pb.h>

#include <string>

#include "domain/spec.hpp"

namespace paravane {
v1::DomainSpec to_message(DomainSpec const& spec);
// What is unspecified gets its default. The error's step is the field's name.
Result<DomainSpec> from_message(v1::DomainSpec const& message);

// END_ACTION_DESTROY -> "destroy": the names of an enum's values as people write them.
std::string value_name(google::protobuf::EnumValueDescriptor const& value);
}  // namespace paravane

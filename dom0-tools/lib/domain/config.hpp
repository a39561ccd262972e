// SPDX-License-Identifier: MIT
// Domain files: YAML with the fields of the API's DomainSpec as keys. The message's own descriptor is the schema, so
// file and API cannot drift apart. Every error has the line it is about: "web.yaml:4: unknown key "memroy"".
#pragma once
#include <hypervisor.pb.h>

#include "os/error.hpp"

#include <string>
#include <string_view>

namespace paravane {
// Paths stay as they are in the file; `folder` is put before relative ones.
Result<v1::DomainSpec> parse_domain_file(std::string_view text, std::string const& file_name,
                                         std::string const& folder);
}  // namespace paravane

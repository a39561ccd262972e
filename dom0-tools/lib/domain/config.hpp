// SPDX-License-Identifier: MIT
// Domain files: YAML with the fields of DomainSpec as keys, written as fields.hpp says.
// Every error has the line it is about: "web.yaml:4: unknown key "memroy"".
#pragma once
#include <string>
#include <string_view>

#include "domain/spec.hpp"

namespace paravane {
// `folder` is put before relative paths.
Result<DomainSpec> parse_domain_file(std::string_view text, std::string const& file_name, std::string const& folder);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The domain files that a command line names, with what it sets besides.
#pragma once
#include <vector>

#include "cli/domain_file.hpp"
#include "cli/line.hpp"

namespace paravane {
// All documents of all files, each checked; "-" is standard input. Nothing of it needs a host.
Result<std::vector<DomainFile>> read_domain_files(std::vector<std::string> const& paths,
                                                  std::vector<std::string> const& settings);
// KEY=VALUE, "memory=4G" or "labels.tier=web"; relative paths start at the current folder.
Result<> apply_setting(v1::Metadata& metadata, v1::DomainSpec& spec, std::string const& setting);
std::string setting_key(std::string const& setting);  // "labels" of "labels.tier=web"
Result<> check_domain_file(DomainFile const& file);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// Domain files: YAML (so JSON too), one or more documents, each a domain in one of two forms.
//   flat   name, labels, annotations, managed_by, owner and the fields of DomainSpec as keys, as people write them
//   whole  metadata and spec below their names, as `-o yaml` and `-o json` show a domain; its status, and what of the
//          metadata only the host sets, is passed over
// Every error has the line it is about: "web.yaml:4: unknown key "memroy"".
#pragma once
#include <paravane/v1/domains.pb.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "os/error.hpp"

namespace paravane {
struct DomainFile {
    std::string source;  // "web.yaml"
    int line = 1;        // where the document begins
    v1::Metadata metadata;
    v1::DomainSpec spec;
    std::map<std::string, int, std::less<>> lines;  // of the keys that were given: "memory", "back_off"

    bool names(std::string_view key) const { return lines.contains(key); }
    Error at(std::string_view key, std::string why) const;  // of the key's line, or of the document's first
};

// `folder` is put before relative paths.
Result<std::vector<DomainFile>> parse_domain_files(std::string_view text, std::string const& file_name,
                                                   std::string const& folder);
// The domain as a flat file that reads back as the same domain.
std::string write_domain_file(v1::Metadata const& metadata, v1::DomainSpec const& spec);

// Each single field that is set by its path, "back_off.limit", "devices.console.console", with its text: what diff
// compares.
std::map<std::string, std::string> list_fields(v1::Metadata const& metadata, v1::DomainSpec const& spec);

// What may be set of metadata in a file: the rest is the host's.
bool is_settable_metadata(std::string_view field);
}  // namespace paravane

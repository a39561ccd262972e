// SPDX-License-Identifier: MIT
// Messages of the API as documents for programs: protobuf's JSON with the fields' own names, and the same in YAML.
#pragma once
#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

namespace paravane {
std::string render_json(google::protobuf::Message const& message);       // several lines
std::string render_json_line(google::protobuf::Message const& message);  // one, for streams
std::string render_yaml(google::protobuf::Message const& message);
// Several as one document: a list.
std::string render_json_list(std::vector<google::protobuf::Message const*> const& messages);
std::string render_yaml_list(std::vector<google::protobuf::Message const*> const& messages);

// END_ACTION_RENAME_RESTART -> "rename-restart": the names of an enum's values as people write them.
std::string value_word(google::protobuf::EnumValueDescriptor const& value);
template <class Enum>
std::string word(Enum value) {
    auto const* found = google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value);
    return found == nullptr ? std::to_string(value) : value_word(*found);
}
}  // namespace paravane

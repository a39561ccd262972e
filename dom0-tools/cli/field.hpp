// SPDX-License-Identifier: MIT
// A single field of a message in text, as domain files, --set and diff write it: one rule a field, parse and format
// inverse to each other. A field's rule is that of its name where it has one there (memory is a size, kernel a path),
// else that of its type.
#pragma once
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "os/error.hpp"

namespace paravane {
enum class FieldRule { text, path, size, count, flag, word, duration, message, map };
FieldRule rule_of(google::protobuf::FieldDescriptor const& field);
// "a size such as 128MiB"
std::string describe_rule(google::protobuf::FieldDescriptor const& field);

struct FieldSource {
    std::string folder;     // put before relative paths; empty: they are refused
    bool api_form = false;  // as `-o json` writes it: sizes in bytes, values of enums by their API names, 0 for unset
};

// Sets a field that is not a message, a map or repeated.
Result<> set_field(google::protobuf::Message& message, google::protobuf::FieldDescriptor const& field,
                   std::string_view text, FieldSource const& source);
std::string format_field(google::protobuf::Message const& message, google::protobuf::FieldDescriptor const& field);

// Sets one field by its path, "back_off.limit" or "labels.tier", in `message`. Repeated ones cannot be set.
Result<> set_by_path(google::protobuf::Message& message, std::string_view path, std::string_view text,
                     FieldSource const& source);
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "cli/document.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "cli/text.hpp"

namespace paravane {
namespace {
std::string json(google::protobuf::Message const& message, bool spread) {
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = spread;
    options.always_print_primitive_fields = true;
    options.preserve_proto_field_names = true;
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return "{}";
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

// The parsed JSON as YAML in block style. JSON's strings are the scalars in quotes.
void write_yaml(std::string& text, YAML::Node const& node, std::size_t indent) {
    std::string const margin(indent, ' ');
    auto inner = [&](YAML::Node const& value, std::size_t deeper) {
        bool const block = (value.IsMap() || value.IsSequence()) && value.size() != 0;
        if (block) text += '\n';
        else text += ' ';
        write_yaml(text, value, deeper);
    };
    if (node.IsMap() && node.size() != 0) {
        for (auto const& entry : node) {
            text += margin + yaml_scalar(entry.first.Scalar()) + ":";
            inner(entry.second, indent + 2);
        }
    } else if (node.IsSequence() && node.size() != 0) {
        for (YAML::Node const& entry : node) {
            std::size_t const begin = text.size();
            write_yaml(text, entry, indent + 2);
            bool const block = (entry.IsMap() || entry.IsSequence()) && entry.size() != 0;
            text.insert(begin, block ? "" : margin + "- ");
            if (block) text.replace(begin, indent + 2, margin + "- ");
        }
    } else if (node.IsMap() || node.IsSequence()) {
        text += node.IsMap() ? "{}\n" : "[]\n";
    } else {
        bool const is_string = node.Tag() == "!";
        text += (is_string ? yaml_scalar(node.Scalar()) : node.IsNull() ? "null" : node.Scalar()) + "\n";
    }
}

std::string yaml_of(std::string const& json_text) {
    std::string text;
    try {
        write_yaml(text, YAML::Load(json_text), 0);
    } catch (YAML::Exception const& failure) { return "{}\n"; }
    return text;
}

std::string json_list(std::vector<google::protobuf::Message const*> const& messages) {
    std::string text = "[";
    for (auto const* message : messages) text += (text.size() > 1 ? ",\n" : "\n") + json(*message, true);
    return text + "\n]";
}
}  // namespace

std::string render_json(google::protobuf::Message const& message) { return json(message, true) + "\n"; }
std::string render_json_line(google::protobuf::Message const& message) { return json(message, false) + "\n"; }
std::string render_yaml(google::protobuf::Message const& message) { return yaml_of(json(message, false)); }
std::string render_json_list(std::vector<google::protobuf::Message const*> const& messages) {
    return json_list(messages) + "\n";
}
std::string render_yaml_list(std::vector<google::protobuf::Message const*> const& messages) {
    return yaml_of(json_list(messages));
}

std::string value_word(google::protobuf::EnumValueDescriptor const& value) {
    // All values begin with the name of their type, END_ACTION_… of EndAction.
    std::string prefix;
    for (char c : value.type()->name()) {
        if (c >= 'A' && c <= 'Z' && !prefix.empty()) prefix += '_';
        prefix += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    prefix += '_';
    std::string name = value.name();
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (c == '_') c = '-';
    }
    return name;
}
}  // namespace paravane

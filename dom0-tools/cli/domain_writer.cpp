// SPDX-License-Identifier: MIT
// A domain as its file, and as a list of its fields.
#include "cli/domain_file.hpp"
#include "cli/field.hpp"
#include "cli/text.hpp"

namespace paravane {
namespace {
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool is_text(FieldRule rule) { return rule == FieldRule::text || rule == FieldRule::path; }

std::vector<FieldDescriptor const*> fields_set(Message const& message) {
    std::vector<FieldDescriptor const*> fields;
    message.GetReflection()->ListFields(message, &fields);
    if (message.GetDescriptor() == v1::Metadata::descriptor())
        std::erase_if(fields, [](auto const* field) { return !is_settable_metadata(field->name()); });
    return fields;
}

std::map<std::string, std::string> entries_of(Message const& message, FieldDescriptor const& field) {
    std::map<std::string, std::string> entries;
    Reflection const& reflection = *message.GetReflection();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        Message const& entry = reflection.GetRepeatedMessage(message, &field, i);
        Reflection const& inner = *entry.GetReflection();
        entries[inner.GetString(entry, field.message_type()->map_key())] =
            inner.GetString(entry, field.message_type()->map_value());
    }
    return entries;
}

class Writer {
public:
    void write(Message const& message, std::size_t indent, bool as_item = false) {
        std::vector<FieldDescriptor const*> const fields = fields_set(message);
        if (fields.empty() && as_item) text_ += std::string(indent - 2, ' ') + "- {}\n";
        for (FieldDescriptor const* field : fields) {
            begin_ = std::string(indent, ' ');
            if (as_item) begin_.replace(indent - 2, 2, "- "), as_item = false;
            write_field(message, *field, indent);
        }
    }

    std::string take() { return std::move(text_); }

private:
    void write_field(Message const& message, FieldDescriptor const& field, std::size_t indent) {
        FieldRule const rule = rule_of(field);
        Reflection const& reflection = *message.GetReflection();
        text_ += begin_ + field.name() + ":";
        if (rule == FieldRule::map) {
            text_ += "\n";
            for (auto const& [key, value] : entries_of(message, field))
                text_ += std::string(indent + 2, ' ') + yaml_scalar(key) + ": " + yaml_scalar(value) + "\n";
        } else if (field.is_repeated()) {
            text_ += "\n";
            for (int i = 0; i < reflection.FieldSize(message, &field); ++i)
                write(reflection.GetRepeatedMessage(message, &field, i), indent + 4, true);
        } else if (rule == FieldRule::message) {
            Message const& inner = reflection.GetMessage(message, &field);
            bool const empty = fields_set(inner).empty();
            text_ += empty ? " {}\n" : "\n";
            write(inner, indent + 2);
        } else {
            std::string const value = format_field(message, field);
            text_ += " " + (is_text(rule) ? yaml_scalar(value) : value) + "\n";
        }
    }

    std::string text_, begin_;
};

void list(std::map<std::string, std::string>& fields, std::string const& path, Message const& message) {
    Reflection const& reflection = *message.GetReflection();
    for (FieldDescriptor const* field : fields_set(message)) {
        std::string const name = path + field->name();
        FieldRule const rule = rule_of(*field);
        if (rule == FieldRule::map) {
            for (auto const& [key, value] : entries_of(message, *field)) fields[name + "." + key] = value;
        } else if (field->is_repeated()) {
            for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
                Message const& entry = reflection.GetRepeatedMessage(message, field, i);
                FieldDescriptor const* id = entry.GetDescriptor()->FindFieldByName("id");
                std::string const key = id == nullptr ? std::to_string(i) : entry.GetReflection()->GetString(entry, id);
                list(fields, name + "." + key + ".", entry);
            }
        } else if (rule == FieldRule::message) {
            Message const& inner = reflection.GetMessage(message, field);
            if (fields_set(inner).empty()) fields[name] = "{}";
            list(fields, name + ".", inner);
        } else {
            fields[name] = format_field(message, *field);
        }
    }
}
}  // namespace

std::string write_domain_file(v1::Metadata const& metadata, v1::DomainSpec const& spec) {
    Writer writer;
    writer.write(metadata, 0);
    writer.write(spec, 0);
    return writer.take();
}

std::map<std::string, std::string> list_fields(v1::Metadata const& metadata, v1::DomainSpec const& spec) {
    std::map<std::string, std::string> fields;
    list(fields, "", metadata);
    list(fields, "", spec);
    return fields;
}
}  // namespace paravane

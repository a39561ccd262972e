// SPDX-License-Identifier: MIT
#include "cli/field.hpp"

#include <google/protobuf/map_field.h>

#include <map>
#include <optional>

#include "cli/document.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "domain/size.hpp"
#include "domain/utf8.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::size_t longest_quote = 64;

Error refuse(std::string why) { return Error{"", std::move(why), ErrorKind::invalid}; }

std::string quoted(std::string_view text) {
    bool const cut = text.size() > longest_quote;
    return "\"" + printable(text.substr(0, longest_quote)) + (cut ? "…" : "") + "\"";
}

FieldRule rule_by_name(std::string const& name) {
    static std::map<std::string, FieldRule, std::less<>> const rules{
        {"paravane.v1.DomainSpec.kernel", FieldRule::path},
        {"paravane.v1.DomainSpec.initrd", FieldRule::path},
        {"paravane.v1.DomainSpec.memory", FieldRule::size},
        {"paravane.v1.BlockSpec.path", FieldRule::path},
    };
    auto const found = rules.find(name);
    return found == rules.end() ? FieldRule::text : found->second;
}

std::string words_of(EnumDescriptor const& type) {
    std::string words;
    for (int i = 0; i < type.value_count(); ++i)
        if (type.value(i)->number() != 0) words += (words.empty() ? "" : ", ") + value_word(*type.value(i));
    return words;
}

Result<EnumValueDescriptor const*> parse_word(EnumDescriptor const& type, std::string_view text, bool api_form) {
    for (int i = 0; i < type.value_count(); ++i) {
        EnumValueDescriptor const* value = type.value(i);
        if (value->number() != 0 && value_word(*value) == text) return value;
        if (api_form && value->name() == text) return value;
    }
    return refuse(quoted(text) + " is none of " + words_of(type));
}

Result<std::uint64_t> parse_count(FieldDescriptor const& field, std::string_view text, bool api_form) {
    std::optional<std::uint64_t> const number = hv::parse_decimal<std::uint64_t>(text);
    bool const digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    bool const wide = field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
    if (!number || (!wide && *number > ~std::uint32_t{0})) {
        if (!digits) return refuse(quoted(text) + " is not a number");
        return refuse(quoted(text) + " is too large");
    }
    if (*number == 0 && !api_form && field.name() == "vcpus") return refuse("0 is less than 1");
    return *number;
}

Result<std::uint64_t> parse_size_field(std::string_view text, bool api_form) {
    if (api_form)
        if (std::optional<std::uint64_t> const bytes = hv::parse_decimal<std::uint64_t>(text)) return *bytes;
    std::uint64_t const size = TRY(parse_size(text));
    // In a message nothing is the same as a field left out.
    if (size == 0) return refuse(std::string{text} + " is less than 2 MiB");
    return size;
}

Result<bool> parse_flag(std::string_view text) {
    if (text != "true" && text != "false") return refuse(quoted(text) + " is neither true nor false");
    return text == "true";
}

Result<std::string> parse_text(std::string_view text, FieldRule rule, FieldSource const& source) {
    if (!is_utf8(text)) return refuse("is not valid UTF-8");
    if (rule != FieldRule::path || text.empty() || text.front() == '/') return std::string{text};
    if (source.folder.empty()) return refuse(quoted(text) + " is not an absolute path");
    return source.folder + "/" + std::string{text};
}

Result<> set_map_entry(Message& message, FieldDescriptor const& field, std::string_view key, std::string_view text) {
    if (!is_utf8(key) || !is_utf8(text)) return refuse("is not valid UTF-8");
    if (key.empty()) return refuse("has a key that is empty");
    Reflection const& reflection = *message.GetReflection();
    FieldDescriptor const* name = field.message_type()->map_key();
    FieldDescriptor const* value = field.message_type()->map_value();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        Message* entry = reflection.MutableRepeatedMessage(&message, &field, i);
        if (entry->GetReflection()->GetString(*entry, name) != key) continue;
        entry->GetReflection()->SetString(entry, value, std::string{text});
        return {};
    }
    Message* entry = reflection.AddMessage(&message, &field);
    entry->GetReflection()->SetString(entry, name, std::string{key});
    entry->GetReflection()->SetString(entry, value, std::string{text});
    return {};
}
}  // namespace

FieldRule rule_of(FieldDescriptor const& field) {
    if (field.is_map()) return FieldRule::map;
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return field.message_type()->full_name() == "google.protobuf.Duration" ? FieldRule::duration
                                                                                   : FieldRule::message;
        case FieldDescriptor::CPPTYPE_ENUM: return FieldRule::word;
        case FieldDescriptor::CPPTYPE_BOOL: return FieldRule::flag;
        case FieldDescriptor::CPPTYPE_STRING: return rule_by_name(field.full_name());
        default: {
            FieldRule const named = rule_by_name(field.full_name());
            return named == FieldRule::text ? FieldRule::count : named;
        }
    }
}

std::string describe_rule(FieldDescriptor const& field) {
    switch (rule_of(field)) {
        case FieldRule::text: return "text";
        case FieldRule::path: return "path in dom0; relative to the file's folder";
        case FieldRule::size: return "size, as 128MiB, 4G, 1.5GiB";
        case FieldRule::count: return "number";
        case FieldRule::flag: return "true or false";
        case FieldRule::word: return words_of(*field.enum_type());
        case FieldRule::duration: return "duration, as 30s, 5m, 1h30m";
        case FieldRule::map: return "keys and values";
        case FieldRule::message: return field.is_repeated() ? "list" : "keys and values";
    }
    return "";
}

Result<> set_field(Message& message, FieldDescriptor const& field, std::string_view text, FieldSource const& source) {
    Reflection const& reflection = *message.GetReflection();
    switch (FieldRule const rule = rule_of(field)) {
        case FieldRule::text:
        case FieldRule::path: {
            std::string value = TRY(parse_text(text, rule, source));
            reflection.SetString(&message, &field, std::move(value));
            return {};
        }
        case FieldRule::size: {
            std::uint64_t const size = TRY(parse_size_field(text, source.api_form));
            reflection.SetUInt64(&message, &field, size);
            return {};
        }
        case FieldRule::count: {
            std::uint64_t const number = TRY(parse_count(field, text, source.api_form));
            if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) reflection.SetUInt64(&message, &field, number);
            else reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(number));
            return {};
        }
        case FieldRule::flag: {
            bool const value = TRY(parse_flag(text));
            reflection.SetBool(&message, &field, value);
            return {};
        }
        case FieldRule::word: {
            EnumValueDescriptor const* value = TRY(parse_word(*field.enum_type(), text, source.api_form));
            reflection.SetEnum(&message, &field, value);
            return {};
        }
        case FieldRule::duration: {
            std::chrono::nanoseconds const duration = TRY(parse_duration(text));
            reflection.MutableMessage(&message, &field)->CopyFrom(to_message(duration));
            return {};
        }
        default: return refuse("is no single value");
    }
}

std::string format_field(Message const& message, FieldDescriptor const& field) {
    Reflection const& reflection = *message.GetReflection();
    switch (rule_of(field)) {
        case FieldRule::text:
        case FieldRule::path: return reflection.GetString(message, &field);
        case FieldRule::size: return format_size(reflection.GetUInt64(message, &field));
        case FieldRule::count:
            return std::to_string(field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64
                                      ? reflection.GetUInt64(message, &field)
                                      : reflection.GetUInt32(message, &field));
        case FieldRule::flag: return reflection.GetBool(message, &field) ? "true" : "false";
        case FieldRule::word: {
            auto const* value = field.enum_type()->FindValueByNumber(reflection.GetEnumValue(message, &field));
            return value == nullptr ? std::to_string(reflection.GetEnumValue(message, &field)) : value_word(*value);
        }
        case FieldRule::duration: {
            google::protobuf::Duration duration;
            duration.CopyFrom(reflection.GetMessage(message, &field));
            return format_duration(from_message(duration));
        }
        default: return "";
    }
}

Result<> set_by_path(Message& message, std::string_view path, std::string_view text, FieldSource const& source) {
    std::size_t const at = path.find('.');
    std::string const name{path.substr(0, at)};
    std::string_view const rest = at == path.npos ? std::string_view{} : path.substr(at + 1);
    FieldDescriptor const* field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) return refuse("there is no field " + quoted(name));
    FieldRule const rule = rule_of(*field);
    if (rule == FieldRule::map) {
        if (rest.empty()) return refuse(name + " needs a key: " + name + ".KEY=VALUE");
        return set_map_entry(message, *field, rest, text);
    }
    if (field->is_repeated()) return refuse(name + " is a list, which cannot be set so");
    if (rule == FieldRule::message) {
        if (rest.empty()) return refuse(name + " needs a field: " + name + ".FIELD=VALUE");
        return set_by_path(*message.GetReflection()->MutableMessage(&message, field), rest, text, source);
    }
    if (!rest.empty()) return refuse(name + " has no fields");
    Result<> set = set_field(message, *field, text, source);
    if (!set) return std::move(set).error().within(name);
    return {};
}
}  // namespace paravane

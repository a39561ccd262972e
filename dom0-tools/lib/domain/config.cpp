// SPDX-License-Identifier: MIT
#include "domain/config.hpp"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <map>

#include "domain/spec.hpp"

namespace paravane {
namespace {
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

class DomainFile {
public:
    explicit DomainFile(std::string const& name) : name_{name} {}

    Result<v1::DomainSpec> read(YAML::Node const& root) {
        if (!root.IsMap()) return at(1, "a domain file is a list of \"key: value\" lines");
        v1::DomainSpec spec;
        for (auto const& entry : root) {
            int line = line_of(entry.first);
            if (!entry.first.IsScalar()) return at(line, "a key must be a word");
            std::string const& key = entry.first.Scalar();
            FieldDescriptor const* field = v1::DomainSpec::descriptor()->FindFieldByName(key);
            if (field == nullptr) return at(line, "unknown key \"" + key + "\" (known: " + known_keys() + ")");
            if (!lines_.emplace(key, line).second) return at(line, "\"" + key + "\" is given twice");
            if (entry.second.IsNull()) return at(line, "\"" + key + "\" has no value");
            if (!entry.second.IsScalar()) return at(line, "\"" + key + "\" takes a single value");
            Result<> set = set_field(spec, *field, entry.second.Scalar());
            if (!set) return at(line_of(entry.second), key + ": " + set.error().message());
        }
        return spec;
    }

    // The whole spec's check, with the line of the field it complains about; a missing field is the whole file's fault.
    Result<> check(v1::DomainSpec const& spec) const {
        Result<> checked = check_domain_spec(spec);
        if (checked) return checked;
        auto line = lines_.find(checked.error().step);
        return at(line == lines_.end() ? 1 : line->second, checked.error().message());
    }

    Error at(int line, std::string why) const {
        return Error{name_ + ":" + std::to_string(line), std::move(why), EINVAL};
    }

private:
    static int line_of(YAML::Node const& node) { return node.Mark().line + 1; }

    static std::string known_keys() {
        std::string keys;
        Descriptor const* message = v1::DomainSpec::descriptor();
        for (int i = 0; i < message->field_count(); ++i) keys += (i == 0 ? "" : ", ") + message->field(i)->name();
        return keys;
    }

    static Result<> set_field(v1::DomainSpec& spec, FieldDescriptor const& field, std::string const& text) {
        google::protobuf::Reflection const& fields = *v1::DomainSpec::GetReflection();
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_STRING:
                if (!is_utf8(text)) return Error{"", "is not valid UTF-8", EINVAL};
                fields.SetString(&spec, &field, text);
                return {};
            case FieldDescriptor::CPPTYPE_UINT64: fields.SetUInt64(&spec, &field, TRY(parse_memory(text))); return {};
            case FieldDescriptor::CPPTYPE_UINT32: fields.SetUInt32(&spec, &field, TRY(parse_number(text))); return {};
            case FieldDescriptor::CPPTYPE_ENUM:
                fields.SetEnumValue(&spec, &field, TRY(parse_enum(*field.enum_type(), text)));
                return {};
            default: return Error{"", "cannot be set in a file", EINVAL};
        }
    }

    // In a message 0 is the same as nothing; whoever writes it down means it.
    static Result<std::uint64_t> parse_memory(std::string const& text) {
        std::uint64_t size = TRY(parse_size(text));
        if (size == 0) return Error{"", text + " is less than 2 MiB", EINVAL};
        return size;
    }

    static Result<std::uint32_t> parse_number(std::string const& text) {
        std::uint32_t number = 0;
        auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (failure == std::errc::invalid_argument || end != text.data() + text.size()) {
            return Error{"", "\"" + text + "\" is not a number", EINVAL};
        }
        if (failure == std::errc::result_out_of_range) return Error{"", "\"" + text + "\" is too large", EINVAL};
        if (number == 0) return Error{"", text + " is less than 1", EINVAL};
        return number;
    }

    static Result<int> parse_enum(EnumDescriptor const& type, std::string const& text) {
        std::string known;
        for (int i = 1; i < type.value_count(); ++i) {  // 0 is "unspecified": leaving the key out says that
            std::string name = value_name(*type.value(i));
            if (name == text) return type.value(i)->number();
            known += (known.empty() ? "" : ", ") + name;
        }
        return Error{"", "\"" + text + "\" is none of " + known, EINVAL};
    }

    std::string const& name_;
    std::map<std::string, int, std::less<>> lines_;
};

// yaml-cpp reports syntax errors by exceptions; they end here.
Result<YAML::Node> parse_yaml(std::string_view text, DomainFile const& file) {
    try {
        return YAML::Load(std::string{text});
    } catch (YAML::Exception const& failure) {
        return file.at(failure.mark.is_null() ? 1 : failure.mark.line + 1, failure.msg);
    }
}

void make_absolute(std::string* path, std::string const& folder) {
    if (!path->empty() && path->front() != '/') *path = folder + "/" + *path;
}
}  // namespace

Result<v1::DomainSpec> parse_domain_file(std::string_view text, std::string const& file_name,
                                         std::string const& folder) {
    DomainFile file{file_name};
    YAML::Node root = TRY(parse_yaml(text, file));
    v1::DomainSpec spec = TRY(file.read(root));
    make_absolute(spec.mutable_kernel(), folder);
    make_absolute(spec.mutable_initrd(), folder);
    TRY(file.check(spec));
    return spec;
}
}  // namespace paravane

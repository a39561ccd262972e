// SPDX-License-Identifier: MIT
#include "cli/domain_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>

#include "cli/field.hpp"
#include "cli/text.hpp"
#include "domain/utf8.hpp"

namespace paravane {
namespace {
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::array<std::string_view, 6> settable{"name", "uid", "labels", "annotations", "managed_by", "owner"};

int line_of(YAML::Node const& node) { return node.Mark().is_null() ? 1 : node.Mark().line + 1; }

// The keys of a map, and nothing twice.
class Reader {
public:
    Reader(DomainFile& file, FieldSource source) : file_{file}, source_{std::move(source)} {}

    Result<> read(YAML::Node const& root) {
        if (!root.IsMap()) return at(root, "a domain file is a list of \"key: value\" lines");
        bool const whole = root["spec"].IsDefined() || root["metadata"].IsDefined();
        source_.api_form = whole;
        if (!whole) return read_flat(root);
        std::map<std::string, int, std::less<>> seen;
        for (auto const& entry : root) {
            std::string const key = TRY(key_of(entry.first, seen));
            if (key == "status") continue;
            if (key == "metadata") TRY(read_metadata(entry.second));
            else if (key == "spec") TRY(read_message(file_.spec, entry.second, key, true));
            else return at(entry.first, unknown(key, "metadata, spec, status"));
        }
        return {};
    }

private:
    Result<> read_flat(YAML::Node const& root) {
        for (auto const& entry : root) {
            std::string const key = TRY(key_of(entry.first, file_.lines));
            bool const of_metadata = is_settable_metadata(key);
            Message& message = of_metadata ? static_cast<Message&>(file_.metadata) : file_.spec;
            FieldDescriptor const* field = message.GetDescriptor()->FindFieldByName(key);
            if (field == nullptr) return at(entry.first, unknown(key, known_keys()));
            TRY(read_field(message, *field, entry.first, entry.second, key));
        }
        return {};
    }

    Result<> read_metadata(YAML::Node const& map) {
        TRY(read_message(file_.metadata, map, "metadata", true));
        // What the host alone sets was shown by it, and is no wish.
        Message& message = file_.metadata;
        for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
            FieldDescriptor const* field = message.GetDescriptor()->field(i);
            if (!is_settable_metadata(field->name())) message.GetReflection()->ClearField(&message, field);
        }
        return {};
    }

    Result<> read_message(Message& message, YAML::Node const& map, std::string const& path, bool top) {
        if (!map.IsMap()) return at(map, "\"" + path + "\" takes keys and values");
        std::map<std::string, int, std::less<>> seen;
        for (auto const& entry : map) {
            std::string const key = TRY(key_of(entry.first, seen));
            if (top) file_.lines[key] = line_of(entry.first);
            FieldDescriptor const* field = message.GetDescriptor()->FindFieldByName(key);
            std::string const inner = top ? key : path + "." + key;
            if (field == nullptr) return at(entry.first, unknown(inner, fields_of(*message.GetDescriptor())));
            bool const of_host = &message == &file_.metadata && !is_settable_metadata(key);
            if (!of_host) TRY(read_field(message, *field, entry.first, entry.second, inner));
        }
        return {};
    }

    Result<> read_field(Message& message, FieldDescriptor const& field, YAML::Node const& key, YAML::Node const& value,
                        std::string const& path) {
        // A value that is not there is where the next thing is.
        if (value.IsNull()) return at(key, "\"" + path + "\" has no value");
        FieldRule const rule = rule_of(field);
        if (rule == FieldRule::map) return read_map(message, field, value, path);
        if (field.is_repeated()) return read_list(message, field, value, path);
        if (rule == FieldRule::message)
            return read_message(*message.GetReflection()->MutableMessage(&message, &field), value, path, false);
        if (!value.IsScalar()) return at(value, "\"" + path + "\" takes a single value");
        // Written out, the value that nobody chose: as if it was not there.
        if (source_.api_form && rule == FieldRule::word && value.Scalar().ends_with("_UNSPECIFIED")) return {};
        Result<> set = set_field(message, field, value.Scalar(), source_);
        if (!set) return at(value, std::move(set).error().within(path).message());
        return {};
    }

    Result<> read_map(Message& message, FieldDescriptor const& field, YAML::Node const& map, std::string const& path) {
        if (!map.IsMap()) return at(map, "\"" + path + "\" takes keys and values");
        std::map<std::string, int, std::less<>> seen;
        for (auto const& entry : map) {
            std::string const key = TRY(key_of(entry.first, seen));
            if (!entry.second.IsScalar()) return at(entry.second, "\"" + path + "." + key + "\" takes a single value");
            Result<> set = set_by_path(message, field.name() + "." + key, entry.second.Scalar(), source_);
            if (!set) return at(entry.second, std::move(set).error().within(path + "." + key).message());
        }
        return {};
    }

    Result<> read_list(Message& message, FieldDescriptor const& field, YAML::Node const& list,
                       std::string const& path) {
        if (!list.IsSequence()) return at(list, "\"" + path + "\" takes a list");
        for (YAML::Node const& entry : list)
            TRY(read_message(*message.GetReflection()->AddMessage(&message, &field), entry, path, false));
        return {};
    }

    Result<std::string> key_of(YAML::Node const& key, std::map<std::string, int, std::less<>>& seen) const {
        if (!key.IsScalar()) return at(key, "a key must be a word");
        if (!is_utf8(key.Scalar())) return at(key, "a key is not valid UTF-8");
        if (!seen.emplace(key.Scalar(), line_of(key)).second)
            return at(key, "\"" + printable(key.Scalar()) + "\" is given twice");
        return key.Scalar();
    }

    static std::string unknown(std::string const& key, std::string const& known) {
        return "unknown key \"" + printable(key) + "\" (known: " + known + ")";
    }

    static std::string fields_of(Descriptor const& type) {
        std::string names;
        for (int i = 0; i < type.field_count(); ++i) names += (names.empty() ? "" : ", ") + type.field(i)->name();
        return names;
    }

    static std::string known_keys() {
        std::string keys;
        for (std::string_view key : settable) keys += std::string{key} + ", ";
        return keys + fields_of(*v1::DomainSpec::descriptor());
    }

    Error at(YAML::Node const& node, std::string why) const {
        return Error{file_.source + ":" + std::to_string(line_of(node)), std::move(why), ErrorKind::invalid};
    }

    DomainFile& file_;
    FieldSource source_;
};
}  // namespace

bool is_settable_metadata(std::string_view field) { return std::ranges::find(settable, field) != settable.end(); }

Error DomainFile::at(std::string_view key, std::string why) const {
    auto const found = lines.find(key);
    return Error{source + ":" + std::to_string(found == lines.end() ? line : found->second), std::move(why),
                 ErrorKind::invalid};
}

Result<std::vector<DomainFile>> parse_domain_files(std::string_view text, std::string const& file_name,
                                                   std::string const& folder) {
    std::vector<YAML::Node> documents;
    std::vector<DomainFile> files;
    // yaml-cpp reports by exceptions what it cannot read; they end here.
    try {
        documents = YAML::LoadAll(std::string{text});
        // What is between two marks and empty is no domain.
        std::erase_if(documents, [](YAML::Node const& document) { return document.IsNull(); });
        for (YAML::Node const& document : documents) {
            DomainFile& file = files.emplace_back();
            file.source = file_name;
            file.line = line_of(document);
            TRY((Reader{file, FieldSource{folder, false}}.read(document)));
        }
    } catch (YAML::Exception const& failure) {
        int const line = failure.mark.is_null() ? 1 : failure.mark.line + 1;
        return Error{file_name + ":" + std::to_string(line), printable(failure.msg), ErrorKind::invalid};
    }
    if (files.empty())
        return Error{file_name + ":1", "a domain file is a list of \"key: value\" lines", ErrorKind::invalid};
    return files;
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "domain/config.hpp"

#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>

#include "domain/fields.hpp"

namespace paravane {
namespace {
class DomainFile {
public:
    explicit DomainFile(std::string const& name) : name_{name} {}

    Result<DomainSpec> read(YAML::Node const& root) {
        if (!root.IsMap()) return at(1, "a domain file is a list of \"key: value\" lines");
        DomainSpec spec;
        for (auto const& entry : root) {
            int line = line_of(entry.first);
            if (!entry.first.IsScalar()) return at(line, "a key must be a word");
            std::string const& key = entry.first.Scalar();
            if (!is_known(key)) return at(line, "unknown key \"" + key + "\" (known: " + known_keys() + ")");
            if (!lines_.emplace(key, line).second) return at(line, "\"" + key + "\" is given twice");
            if (entry.second.IsNull()) return at(line, "\"" + key + "\" has no value");
            if (!entry.second.IsScalar()) return at(line, "\"" + key + "\" takes a single value");
            Result<> set = set_field(spec, key, entry.second.Scalar());
            if (!set) return at(line_of(entry.second), key + ": " + set.error().message());
        }
        return spec;
    }

    // The whole spec's check, with the line of the field it complains about; a missing field is the whole file's fault.
    Result<> check(DomainSpec const& spec) const {
        Result<> checked = check_domain_spec(spec);
        if (checked) return checked;
        auto line = lines_.find(checked.error().step);
        return at(line == lines_.end() ? 1 : line->second, checked.error().message());
    }

    Error at(int line, std::string why) const {
        return Error{name_ + ":" + std::to_string(line), std::move(why), ErrorKind::invalid};
    }

private:
    static int line_of(YAML::Node const& node) { return node.Mark().line + 1; }

    static std::string known_keys() {
        std::string keys;
        std::apply([&](auto const&... field) { ((keys += (keys.empty() ? "" : ", ") + std::string{field.name}), ...); },
                   domain_fields);
        return keys;
    }

    static bool is_known(std::string_view key) {
        return std::apply([&](auto const&... field) { return ((field.name == key) || ...); }, domain_fields);
    }

    static Result<> set_field(DomainSpec& spec, std::string_view key, std::string const& text) {
        return for_each_field([&]<class Rule>(Field<Rule> const& field) -> Result<> {
            if (field.name == key) spec.*field.place = TRY(Rule::parse(text));
            return {};
        });
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

Result<> make_paths_absolute(DomainSpec& spec, std::string const& folder) {
    return for_each_field([&]<class Rule>(Field<Rule> const& field) -> Result<> {
        if constexpr (std::is_same_v<Rule, Path>) {
            std::string& path = spec.*field.place;
            if (!path.empty() && path.front() != '/') path = folder + "/" + path;
        }
        return {};
    });
}
}  // namespace

Result<DomainSpec> parse_domain_file(std::string_view text, std::string const& file_name, std::string const& folder) {
    DomainFile file{file_name};
    YAML::Node root = TRY(parse_yaml(text, file));
    DomainSpec spec = TRY(file.read(root));
    TRY(make_paths_absolute(spec, folder));
    TRY(file.check(spec));
    return spec;
}
}  // namespace paravane

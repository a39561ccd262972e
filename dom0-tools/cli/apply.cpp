// SPDX-License-Identifier: MIT
// apply, diff, update and export: domains as files say. What a file does not name stays as it is.
#include <paravane/v1/domains.grpc.pb.h>

#include <set>

#include "cli/actions.hpp"
#include "cli/lists.hpp"
#include "cli/mutation.hpp"
#include "cli/read_files.hpp"
#include "cli/text.hpp"

namespace paravane {
namespace {
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Difference {
    std::string field, now, wanted;
};

// A domain, the change that a file asks of it, and in which words.
struct Change {
    v1::Domain domain;
    std::vector<Difference> differences;
    google::protobuf::FieldMask mask;
};

// The field `name` of `to` as the file has it: maps and lists as a whole, messages with what the file names in them.
void take_over(Message& to, Message const& from, std::string const& name) {
    FieldDescriptor const* field = to.GetDescriptor()->FindFieldByName(name);
    google::protobuf::Reflection const& reflection = *to.GetReflection();
    bool const merges = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated();
    if (merges) {
        reflection.MutableMessage(&to, field)->MergeFrom(reflection.GetMessage(from, field));
        return;
    }
    std::unique_ptr<Message> one{from.New()};
    one->CopyFrom(from);
    std::vector<FieldDescriptor const*> all;
    reflection.ListFields(*one, &all);
    for (FieldDescriptor const* other : all)
        if (other != field) reflection.ClearField(one.get(), other);
    reflection.ClearField(&to, field);
    to.MergeFrom(*one);
}

// The top field of a path: "labels" of "labels.tier".
std::string top_of(std::string const& path) { return path.substr(0, path.find('.')); }

Change compare(v1::Domain const& domain, v1::Metadata const& metadata, v1::DomainSpec const& spec,
               std::map<std::string, int, std::less<>> const& named) {
    Change change;
    change.domain = domain;
    for (auto const& [key, line] : named) {
        bool const of_metadata = is_settable_metadata(key);
        if (key == "name" || key == "uid") continue;
        if (of_metadata) take_over(*change.domain.mutable_metadata(), metadata, key);
        else take_over(*change.domain.mutable_spec(), spec, key);
    }
    std::map<std::string, std::string> const now = list_fields(domain.metadata(), domain.spec());
    std::map<std::string, std::string> const wanted = list_fields(change.domain.metadata(), change.domain.spec());
    std::set<std::string> fields, changed;
    for (auto const& [field, text] : now) fields.insert(field);
    for (auto const& [field, text] : wanted) fields.insert(field);
    for (std::string const& field : fields) {
        auto const before = now.find(field), after = wanted.find(field);
        std::string const old_text = before == now.end() ? "" : before->second;
        std::string const new_text = after == wanted.end() ? "" : after->second;
        bool const both = (before == now.end()) == (after == wanted.end());
        if (both && old_text == new_text) continue;
        change.differences.push_back({field, before == now.end() ? "" : yaml_scalar(old_text),
                                      after == wanted.end() ? "" : yaml_scalar(new_text)});
        changed.insert((is_settable_metadata(top_of(field)) ? "metadata." : "spec.") + top_of(field));
    }
    for (std::string const& path : changed) change.mask.add_paths(path);
    return change;
}

std::string differences_of(Session& session, Change const& change) {
    Output& output = session.output();
    std::string text;
    for (Difference const& each : change.differences) {
        if (!each.now.empty())
            text += output.colored(Color::red, "- " + printable(each.field + ": " + each.now)) + "\n";
        if (!each.wanted.empty())
            text += output.colored(Color::green, "+ " + printable(each.field + ": " + each.wanted)) + "\n";
    }
    return text;
}

// Sends a change; an etag of what it was made from keeps it from undoing somebody else's.
ExitCode send(Session& session, Change const& wanted, std::string const& what, v1::DomainOperation& answer) {
    v1::UpdateDomainRequest request;
    request.set_uid(wanted.domain.metadata().uid());
    *request.mutable_metadata() = wanted.domain.metadata();
    *request.mutable_spec() = wanted.domain.spec();
    *request.mutable_update_mask() = wanted.mask;
    *request.mutable_mutation() = make_mutation(session.line());
    request.mutable_mutation()->set_etag(wanted.domain.metadata().etag());
    return change(session, what, &v1::Domains::Stub::UpdateDomain, request, answer);
}

ExitCode make(Session& session, DomainFile const& file, std::string const& what, v1::DomainOperation& answer) {
    v1::CreateDomainRequest request;
    *request.mutable_metadata() = file.metadata;
    *request.mutable_spec() = file.spec;
    *request.mutable_mutation() = make_mutation(session.line());
    return change(session, what, &v1::Domains::Stub::CreateDomain, request, answer);
}

ExitCode apply_one(Session& session, DomainFile const& file, v1::DomainOperation& answer) {
    std::string const& name = file.metadata.name();
    std::string const what = "apply " + name;
    bool const tries = session.line().has("dry-run");
    v1::Domain domain;
    grpc::Status const status = get_domain(session, name, domain);
    ExitCode code = ExitCode::success;
    char const* done = "unchanged";
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
        code = make(session, file, what, answer);
        done = tries ? "would be created" : answer.operation().done() ? "created" : "is being created";
    } else if (!status.ok()) {
        return session.fail(status, what);
    } else {
        Change const change = compare(domain, file.metadata, file.spec, file.lines);
        *answer.mutable_domain() = domain;
        if (!change.differences.empty()) {
            code = send(session, change, what, answer);
            done = tries ? "would be changed" : answer.operation().done() ? "changed" : "is being changed";
        }
    }
    if (code == ExitCode::success && session.is_text()) session.output().write(name + " " + done + "\n");
    if (code == ExitCode::success && session.output().format() == Format::name) session.output().write(name + "\n");
    return code;
}

ExitCode diff_one(Session& session, DomainFile const& file) {
    std::string const& name = file.metadata.name();
    v1::Domain domain;
    grpc::Status const status = get_domain(session, name, domain);
    bool const is_new = status.error_code() == grpc::StatusCode::NOT_FOUND;
    if (!is_new && !status.ok()) return session.fail(status, "diff " + name);
    std::map<std::string, int, std::less<>> named = file.lines;
    Change const change = compare(is_new ? v1::Domain{} : domain, file.metadata, file.spec, named);
    if (change.differences.empty()) return ExitCode::success;
    session.output().write(session.output().colored(Color::bold, name + (is_new ? ": is not there" : "")) + "\n" +
                           differences_of(session, change));
    return ExitCode::differs;
}
}  // namespace

ExitCode run_apply(Session& session) {
    Result<std::vector<DomainFile>> files =
        read_domain_files(session.line().words("file"), session.line().words("set"));
    if (!files) return session.refuse(files.error(), "apply");
    if (files->empty()) return session.refuse(Error{"", "--file is missing"}, "apply", ExitCode::usage);
    std::vector<v1::DomainOperation> answers;
    ExitCode const worst = act_on_each(*files, [&](DomainFile const& file) {
        v1::DomainOperation answer;
        ExitCode const code = apply_one(session, file, answer);
        if (code == ExitCode::success) answers.push_back(std::move(answer));
        return code;
    });
    print_answers(session, answers, files->size());
    return worst;
}

ExitCode run_diff(Session& session) {
    Result<std::vector<DomainFile>> files =
        read_domain_files(session.line().words("file"), session.line().words("set"));
    if (!files) return session.refuse(files.error(), "diff");
    if (files->empty()) return session.refuse(Error{"", "--file is missing"}, "diff", ExitCode::usage);
    ExitCode result = ExitCode::success;
    for (DomainFile const& file : *files) {
        ExitCode const code = diff_one(session, file);
        bool const is_failure = code != ExitCode::success && code != ExitCode::differs;
        if (result == ExitCode::success || (is_failure && result == ExitCode::differs)) result = code;
    }
    return result;
}

ExitCode run_update(Session& session) {
    std::string const& word = session.argument(0);
    std::string const what = "update " + word;
    std::vector<std::string> const& settings = session.line().words("set");
    if (settings.empty()) return session.refuse(Error{"", "--set is missing"}, "update", ExitCode::usage);
    v1::Domain domain;
    if (grpc::Status const status = get_domain(session, word, domain); !status.ok()) return session.fail(status, what);
    v1::Metadata metadata = domain.metadata();
    v1::DomainSpec spec = domain.spec();
    std::map<std::string, int, std::less<>> named;
    for (std::string const& setting : settings) {
        Result<> const set = apply_setting(metadata, spec, setting);
        if (!set) return session.refuse(set.error(), "update: --set " + setting);
        named.emplace(setting_key(setting), 1);
    }
    bool const renamed = metadata.name() != domain.metadata().name() || metadata.uid() != domain.metadata().uid();
    if (renamed) return session.refuse(Error{"", "a domain's name and uid do not change"}, what);
    Change const change = compare(domain, metadata, spec, named);
    v1::DomainOperation answer;
    *answer.mutable_domain() = domain;
    ExitCode code = ExitCode::success;
    if (!change.differences.empty()) code = send(session, change, what, answer);
    if (code != ExitCode::success) return code;
    char const* done = change.differences.empty()      ? "unchanged"
                       : session.line().has("dry-run") ? "would be changed"
                       : answer.operation().done()     ? "changed"
                                                       : "is being changed";
    bool const only_name = session.output().format() == Format::name;
    session.print(answer, printable(word) + (only_name ? "" : std::string{" "} + done) + "\n");
    return ExitCode::success;
}

ExitCode run_export(Session& session) {
    bool first = true;
    return act_on_each(session.line().arguments, [&](std::string const& word) {
        v1::Domain domain;
        grpc::Status const status = get_domain(session, word, domain);
        if (!status.ok()) return session.fail(status, "export " + word);
        if (!domain.has_spec()) {
            return session.refuse(Error{"", "another tool made it: there is no spec to write"}, "export " + word,
                                  ExitCode::wrong_state);
        }
        domain.mutable_metadata()->clear_uid();  // another domain that is made from the file has its own
        session.output().write((first ? "" : "---\n") + write_domain_file(domain.metadata(), domain.spec()));
        first = false;
        return ExitCode::success;
    });
}
}  // namespace paravane

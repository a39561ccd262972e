// SPDX-License-Identifier: MIT
// create and validate.
#include <paravane/v1/domains.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/console.hpp"
#include "cli/lists.hpp"
#include "cli/mutation.hpp"
#include "cli/read_files.hpp"
#include "cli/text.hpp"

namespace paravane {
namespace {
struct Choices {
    bool paused, console;
};

v1::CreateDomainRequest make_request(Session& session, DomainFile const& file, Choices choices) {
    v1::CreateDomainRequest request;
    *request.mutable_metadata() = file.metadata;
    *request.mutable_spec() = file.spec;
    *request.mutable_mutation() = make_mutation(session.line());
    // A domain that is made by hand goes with its guest; one that stays is wanted by `apply`, or by its file.
    if (!file.names("ephemeral")) request.mutable_spec()->set_ephemeral(!session.line().has("keep"));
    // With the console nothing runs before it is attached: even a guest that ends at once is seen in full.
    if (choices.paused || choices.console) request.mutable_spec()->set_power_state(v1::POWER_STATE_PAUSED);
    return request;
}

std::string creation_text(v1::DomainOperation const& answer, v1::CreateDomainRequest const& request) {
    std::string const name = printable(request.metadata().name());
    if (request.mutation().validate_only()) return name + " would be created\n";
    if (!answer.operation().done()) return "creating " + name + "\n";
    v1::DomainStatus const& status = answer.domain().status();
    return "created " + name + (status.has_id() ? ", domain " + std::to_string(status.id()) : "") + "\n";
}

ExitCode let_run(Session& session, std::string const& name, std::string const& uid) {
    v1::UnpauseDomainRequest request;
    request.set_uid(uid);
    *request.mutable_mutation() = make_mutation(session.line());
    request.mutable_mutation()->set_request_id(random_uuid());
    v1::DomainOperation answer;
    return change(session, "unpause " + name, &v1::Domains::Stub::UnpauseDomain, request, answer);
}
}  // namespace

ExitCode run_create(Session& session) {
    Line const& line = session.line();
    Choices const choices{line.has("paused"), line.has("console")};
    if (choices.console && !session.is_text())
        return session.refuse(Error{"", "--console shows what the guest prints: there is no document to print"},
                              "create", ExitCode::usage);
    if (choices.console && (line.has("dry-run") || line.has("no-wait")))
        return session.refuse(Error{"", "--console needs a domain that is there"}, "create", ExitCode::usage);
    Result<std::vector<DomainFile>> files = read_domain_files(line.arguments, line.words("set"));
    if (!files) return session.refuse(files.error(), "create");
    if (files->size() > 1 && (choices.console || line.has("request-id")))
        return session.refuse(Error{"", "--console and --request-id are for one domain"}, "create", ExitCode::usage);

    std::vector<v1::DomainOperation> answers;
    ExitCode const worst = act_on_each(*files, [&](DomainFile const& file) {
        v1::CreateDomainRequest const request = make_request(session, file, choices);
        std::string const& name = file.metadata.name();
        v1::DomainOperation answer;
        ExitCode const code = change(session, "create " + name, &v1::Domains::Stub::CreateDomain, request, answer);
        if (code != ExitCode::success) return code;
        if (session.is_text()) session.output().write(creation_text(answer, request));
        if (session.output().format() == Format::name) session.output().write(name + "\n");
        answers.push_back(std::move(answer));
        return code;
    });
    print_answers(session, answers, files->size());
    if (!choices.console || worst != ExitCode::success) return worst;
    v1::Metadata const& made = answers.front().domain().metadata();
    if (made.uid().empty()) {  // the answer to a request that was repeated after its domain's end
        return session.refuse(Error{"", "it was made, and is gone by now"}, "create " + files->front().metadata.name(),
                              ExitCode::not_found);
    }
    return run_console(session, {.uid = made.uid(), .shown = made.name()},
                       [&] { return choices.paused ? ExitCode::success : let_run(session, made.name(), made.uid()); });
}

ExitCode run_validate(Session& session) {
    Result<std::vector<DomainFile>> files = read_domain_files(session.line().arguments, session.line().words("set"));
    if (!files) return session.refuse(files.error(), "validate");
    std::vector<v1::Domain> domains;
    for (DomainFile const& file : *files) {
        if (session.is_text())
            session.output().write(printable(file.source) + ":" + std::to_string(file.line) + ": " +
                                   file.metadata.name() + " is well-formed\n");
        if (session.output().format() == Format::name) session.output().write(file.metadata.name() + "\n");
        v1::Domain& domain = domains.emplace_back();
        *domain.mutable_metadata() = file.metadata;
        *domain.mutable_spec() = file.spec;
    }
    print_answers(session, domains, domains.size());
    return ExitCode::success;
}
}  // namespace paravane

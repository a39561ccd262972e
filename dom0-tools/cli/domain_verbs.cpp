// SPDX-License-Identifier: MIT
// start, stop, restart, shutdown, reboot, pause, unpause and delete: one call for each domain that is named.
#include <paravane/v1/domains.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/lists.hpp"
#include "cli/mutation.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
using Stub = v1::Domains::Stub;

struct Verb {
    char const* verb;   // "pause"
    char const* done;   // "paused"
    char const* begun;  // what it says if it does not wait
};

std::string outcome(Verb const& words, std::string const& target, v1::Mutation const& mutation,
                    v1::Operation const& operation) {
    std::string const name = printable(target);
    if (mutation.validate_only()) return name + " would be " + words.done + "\n";
    return std::string{operation.done() ? words.done : words.begun} + " " + name + "\n";
}

template <class Request, class Fill>
ExitCode change_each(Session& session, Verb const& words, Method<Stub, Request, v1::DomainOperation> method, Fill fill,
                     bool waits = true, std::chrono::seconds slack = {}) {
    std::vector<std::string> targets;
    ExitCode worst = find_targets(session, words.verb, targets);
    if (worst != ExitCode::success) return worst;
    std::vector<v1::DomainOperation> answers;
    worst = act_on_each(targets, [&](std::string const& target) {
        Request request;
        *request.mutable_mutation() = make_mutation(session.line(), waits);
        fill(request);
        v1::DomainOperation answer;
        ExitCode const code =
            change_named(session, std::string{words.verb} + " " + target, target, method, request, answer, slack);
        if (code != ExitCode::success) return code;
        if (session.is_text()) session.output().write(outcome(words, target, request.mutation(), answer.operation()));
        if (session.output().format() == Format::name) session.output().write(printable(target) + "\n");
        answers.push_back(std::move(answer));
        return code;
    });
    print_answers(session, answers, targets.size());
    return worst;
}

constexpr auto nothing = [](auto&) {};
}  // namespace

ExitCode run_start(Session& session) {
    return change_each<v1::StartDomainRequest>(
        session, {"start", "started", "starting"}, &Stub::StartDomain,
        [&](auto& request) { request.set_paused(session.line().has("paused")); });
}

ExitCode run_stop(Session& session) {
    return change_each<v1::StopDomainRequest>(session, {"stop", "stopped", "stopping"}, &Stub::StopDomain, nothing);
}

ExitCode run_restart(Session& session) {
    return change_each<v1::RestartDomainRequest>(session, {"restart", "restarted", "restarting"}, &Stub::RestartDomain,
                                                 nothing);
}

ExitCode run_shutdown(Session& session) {
    return change_each<v1::ShutdownDomainRequest>(
        session, {"shutdown", "powered off", "asked to power off:"}, &Stub::ShutdownDomain,
        [&](auto& request) { set_grace(session.line(), request); }, false, slack_of(session.line()));
}

ExitCode run_reboot(Session& session) {
    return change_each<v1::RebootDomainRequest>(
        session, {"reboot", "rebooted", "asked to reboot:"}, &Stub::RebootDomain,
        [&](auto& request) { set_grace(session.line(), request); }, false, slack_of(session.line()));
}

ExitCode run_pause(Session& session) {
    return change_each<v1::PauseDomainRequest>(session, {"pause", "paused", "pausing"}, &Stub::PauseDomain, nothing);
}

ExitCode run_unpause(Session& session) {
    return change_each<v1::UnpauseDomainRequest>(session, {"unpause", "unpaused", "unpausing"}, &Stub::UnpauseDomain,
                                                 nothing);
}

ExitCode run_delete(Session& session) {
    return change_each<v1::DeleteDomainRequest>(
        session, {"destroy", "destroyed", "destroying"}, &Stub::DeleteDomain,
        [&](auto& request) { request.set_allow_missing(session.line().has("allow-missing")); });
}
}  // namespace paravane

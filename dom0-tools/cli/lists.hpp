// SPDX-License-Identifier: MIT
// Lists, to their last page, and the domains that a command is about.
#pragma once
#include <paravane/v1/domains.grpc.pb.h>

#include <functional>
#include <string>
#include <vector>

#include "cli/session.hpp"

namespace paravane {
// All domains that the selector matches; `revision` is where to watch from.
grpc::Status list_domains(Session& session, std::string const& selector, v1::ListDomainsResponse& all);
grpc::Status get_domain(Session& session, std::string const& word, v1::Domain& domain);

// Each change from the present state on; a watch that the host gave up as too old begins again. `visit` says false to
// end it, and is told whether all that is there has been seen. With `printing` it ends when nobody reads our output any
// more.
using VisitChange = std::function<bool(v1::WatchDomainsResponse const& change, bool all_seen)>;
grpc::Status watch_domains(Session& session, v1::WatchDomainsRequest const& request, bool printing,
                           VisitChange const& visit);

// The arguments, or with --selector or --all what those say; "operation" is for complaints.
ExitCode find_targets(Session& session, std::string const& operation, std::vector<std::string>& targets);

// What was answered for several targets, for programs: one document, a list unless there was one target.
template <class Answer>
void print_answers(Session& session, std::vector<Answer> const& answers, std::size_t targets) {
    if (session.output().format() != Format::json && session.output().format() != Format::yaml) return;
    if (targets == 1) {
        if (!answers.empty()) session.print(answers.front(), "");
        return;
    }
    std::vector<google::protobuf::Message const*> messages;
    for (Answer const& answer : answers) messages.push_back(&answer);
    session.print_list(messages);
}
}  // namespace paravane

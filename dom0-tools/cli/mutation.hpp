// SPDX-License-Identifier: MIT
// What all changes have in common on the command line: --dry-run, --no-wait, --timeout, --request-id and who asks; and
// what they print.
#pragma once
#include <paravane/v1/common.pb.h>
#include <paravane/v1/operations.grpc.pb.h>

#include <string>

#include "cli/session.hpp"
#include "cli/terminal_mode.hpp"
#include "cli/values.hpp"

namespace paravane {
// `waits`: whether the command waits for its operation if nobody says otherwise.
v1::Mutation make_mutation(Line const& line, bool waits = true);
std::string random_uuid();

// Tells on standard error, if that is a terminal, what an operation that takes its time is doing, in a line that is
// never longer than the terminal is wide; takes it away in the end. Nothing else may be printed while it lives.
class Progress {
public:
    Progress(Session& session, std::string what, v1::Mutation const& mutation);
    ~Progress();

private:
    void run(v1::Operations::Stub& stub, std::string const& what, std::string const& request_id);

    OwnedFd stop_;
    std::optional<TerminalMode> mode_;
    std::thread thread_;
};

// The end of a call that changed something: prints why it failed, or that it is not done yet.
ExitCode judge(Session& session, grpc::Status const& status, v1::Operation const& operation, std::string const& what,
               v1::Mutation const& mutation);

// How long a guest may take that is asked for something, and what then.
template <class Request>
void set_grace(Line const& line, Request& request) {
    // Who waits only so long gives the guest as long.
    std::optional<std::chrono::nanoseconds> grace = line.duration("grace");
    if (!grace) grace = line.duration("timeout");
    if (grace) *request.mutable_grace() = to_message(*grace);
    request.set_force(line.has("force"));
}
// Who says "not in time" is the host, if the guest has as long as we wait.
inline std::chrono::seconds slack_of(Line const& line) { return std::chrono::seconds{line.has("grace") ? 0 : 5}; }

// Has a change made, tells meanwhile how far it is, and in the end why it failed, or that it is not done yet.
template <class Stub, class Request, class Answer>
ExitCode change(Session& session, std::string const& what, Method<Stub, Request, Answer> method, Request const& request,
                Answer& answer, std::chrono::seconds slack = {}) {
    grpc::Status status;
    {
        Progress progress{session, what, request.mutation()};
        status = session.call(method, request, answer, false, slack);
    }
    return judge(session, status, answer.operation(), what, request.mutation());
}
// The same of a domain that was named on the command line.
template <class Stub, class Request, class Answer>
ExitCode change_named(Session& session, std::string const& what, std::string const& word,
                      Method<Stub, Request, Answer> method, Request& request, Answer& answer,
                      std::chrono::seconds slack = {}) {
    grpc::Status const status = session.name_domain(request, word);
    return status.ok() ? change(session, what, method, request, answer, slack) : session.fail(status, what);
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// What all changes have in common on the command line: --dry-run, --no-wait, --timeout, --request-id and who asks; and
// what they print.
#pragma once
#include <paravane/v1/common.pb.h>
#include <paravane/v1/operations.grpc.pb.h>

#include <string>

#include "cli/session.hpp"

namespace paravane {
// `waits`: whether the command waits for its operation if nobody says otherwise.
v1::Mutation make_mutation(Line const& line, bool waits = true);
std::string random_uuid();

// Tells on standard error, if that is a terminal, what an operation that takes its time is doing; takes it away in the
// end.
class Progress {
public:
    Progress(Session& session, std::string what, v1::Mutation const& mutation);
    ~Progress();

private:
    void run(v1::Operations::Stub& stub, std::string const& what, std::string const& request_id);

    OwnedFd stop_;
    std::thread thread_;
};

// The end of a call that changed something: prints why it failed, or that it is not done yet.
ExitCode judge(Session& session, grpc::Status const& status, v1::Operation const& operation, std::string const& what,
               v1::Mutation const& mutation);
}  // namespace paravane

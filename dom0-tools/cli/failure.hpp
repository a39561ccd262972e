// SPDX-License-Identifier: MIT
// A call that failed, for people and for programs, and what it means to the shell.
#pragma once
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "cli/exit_code.hpp"

namespace paravane {
ExitCode exit_code_of(grpc::StatusCode code);
// The details that came with a status; without any, those that the status itself says.
google::rpc::Status details_of(grpc::Status const& status);
std::optional<google::rpc::ErrorInfo> error_info(google::rpc::Status const& status);
// What the message begins with, in the words of paravaned; empty if it does not say.
std::string operation_of(google::rpc::Status const& status);
// One line, then a line for each detail that it does not say: "  hint: …". Printable.
std::string render_failure(google::rpc::Status const& status);
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "cli/client.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstdio>

namespace paravane {
Client::Client(std::string const& socket)
    : socket_{socket},
      service_{v1::Hypervisor::NewStub(grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()))} {}

ExitCode exit_code_of(grpc::StatusCode code) {
    switch (code) {
        case grpc::StatusCode::OK: return ExitCode::success;
        case grpc::StatusCode::NOT_FOUND: return ExitCode::not_found;
        case grpc::StatusCode::ALREADY_EXISTS: return ExitCode::already_exists;
        case grpc::StatusCode::INVALID_ARGUMENT: return ExitCode::invalid;
        case grpc::StatusCode::FAILED_PRECONDITION: return ExitCode::wrong_state;
        case grpc::StatusCode::RESOURCE_EXHAUSTED: return ExitCode::no_resources;
        case grpc::StatusCode::DEADLINE_EXCEEDED: return ExitCode::timed_out;
        case grpc::StatusCode::UNAVAILABLE: return ExitCode::unreachable;
        default: return ExitCode::failed;
    }
}

ExitCode Client::complain(grpc::Status const& status, std::string const& operation) const {
    if (status.ok()) return ExitCode::success;
    std::string message = status.error_message();
    // gRPC's own words for a socket nobody listens at say neither which nor what to do.
    bool from_daemon = message.starts_with(operation);
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !from_daemon) {
        message = operation + ": paravaned does not answer at " + socket_ + " (" + message + ")";
    } else if (!from_daemon) {
        message = operation + ": " + message;
    }
    std::fprintf(stderr, "pvctl: %s\n", message.c_str());
    return exit_code_of(status.error_code());
}
}  // namespace paravane

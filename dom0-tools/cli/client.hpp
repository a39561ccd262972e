// SPDX-License-Identifier: MIT
// pvctl's connection to paravaned, and what its failures mean to the shell.
#pragma once
#include <grpcpp/support/status.h>
#include <hypervisor.grpc.pb.h>

#include <memory>
#include <string>

namespace paravane {
// Documented in `pvctl --help` and docs/control-api.md: scripts rely on them.
enum class ExitCode : int {
    success = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    already_exists = 4,
    invalid = 5,
    wrong_state = 6,
    no_resources = 7,
    timed_out = 8,
    unreachable = 9,
};

class Client {
public:
    using Service = v1::Hypervisor::Stub;  // gRPC's name for the calling side

    explicit Client(std::string const& socket);

    Service& service() { return *service_; }
    // Prints why a call failed, in one line on standard error.
    ExitCode complain(grpc::Status const& status, std::string const& operation) const;

private:
    std::string socket_;
    std::unique_ptr<Service> service_;
};

ExitCode exit_code_of(grpc::StatusCode code);
}  // namespace paravane

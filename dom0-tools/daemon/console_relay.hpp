// SPDX-License-Identifier: MIT
// Carries one Console call between its client and the console backend's socket, until the domain or the client ends.
#pragma once
#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>
#include <hypervisor.grpc.pb.h>

#include "os/owned_fd.hpp"

namespace paravane {
using ConsoleStream = grpc::ServerReaderWriter<v1::ConsoleOutput, v1::ConsoleInput>;

void relay_console(grpc::ServerContext& context, ConsoleStream& stream, OwnedFd backend, std::string const& typed);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// Who calls: takes connections at the Unix socket, asks the kernel whose they are, and hands them to gRPC.
#pragma once
#include <grpcpp/server.h>
#include <grpcpp/server_context.h>

#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
enum class Role : std::uint8_t { none, viewer, operator_, admin };

struct Caller {
    Role role = Role::none;
    std::string words;  // "uid 0"
};

class Peers {
public:
    ~Peers() { stop(); }

    // Clients may connect from here on; only this user's, unless the host has groups with roles.
    Result<> listen(std::string const& path, grpc::Server& server);
    void stop();

    Caller caller(grpc::CallbackServerContext const& context) const;

private:
    void run(std::stop_token const& stop, grpc::Server& server);
    void take(int connection, grpc::Server& server);

    OwnedFd listener_, wake_;
    mutable std::mutex mutex_;
    std::map<int, Caller> callers_;  // by the number of their connection
    int next_ = 0, most_ = 0;
    std::jthread thread_;
};
}  // namespace paravane

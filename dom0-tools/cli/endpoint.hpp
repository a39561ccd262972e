// SPDX-License-Identifier: MIT
// Where paravaned listens.
#pragma once
#include <string>
#include <string_view>

#include "os/error.hpp"

namespace paravane {
struct Endpoint {
    std::string target;  // for gRPC: "unix:/run/…", "dns:host:port"
    std::string shown;   // for people
    bool remote = false;
};

// "/run/paravane/paravaned.sock", "unix:PATH" or "HOST:PORT".
Result<Endpoint> parse_host(std::string_view text);
}  // namespace paravane

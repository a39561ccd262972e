// SPDX-License-Identifier: MIT
// pvctl's commands: one call, or one stream, each.
#pragma once
#include "cli/client.hpp"
#include "cli/render.hpp"

#include <optional>
#include <string>
#include <vector>

namespace paravane {
struct CreateOptions {
    std::string file;
    bool paused = false;
    bool console = false;
};

class Commands {
public:
    Commands(Client& client, OutputFormat format) : client_{client}, format_{format} {}

    ExitCode create(CreateOptions const& options);
    ExitCode list();
    ExitCode info(std::optional<std::string> const& name);  // none: the host
    ExitCode console(std::string const& name);
    ExitCode pause(std::vector<std::string> const& names);
    ExitCode unpause(std::vector<std::string> const& names);
    ExitCode shutdown(std::vector<std::string> const& names, double wait_seconds);
    ExitCode reboot(std::vector<std::string> const& names, double wait_seconds);
    ExitCode destroy(std::vector<std::string> const& names);
    ExitCode dmesg(bool clear);
    ExitCode events(unsigned count);  // 0: until interrupted

private:
    void print(std::string const& table, google::protobuf::Message const& message) const;

    Client& client_;
    OutputFormat format_;
};
}  // namespace paravane

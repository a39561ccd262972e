// SPDX-License-Identifier: MIT
// paravane-console: the console of one guest, as a process of its own, started by the supervisor.
#include <optional>

#include "console/backend.hpp"
#include "host/serve.hpp"
#include "os/command_line.hpp"

namespace {
using namespace paravane;
using console::Backend;
using console::Options;

Options parse(int argc, char** argv) {
    Options chosen;
    std::optional<std::uint16_t> domain;
    std::optional<std::uint32_t> port;
    CommandLine const line{
        .program = "paravane-console",
        .usage = "--domain N --port P [--log-limit BYTES]",
        .about =
            "Serves the console of one guest until that guest is gone. Started by paravane-supervisor, which hands "
            "over\nwhat it needs: journal, listener, log, older-log, evtchn, gntdev, ready.\n",
        .options = {{"domain", "N", "the guest's number", &domain},
                    {"port", "P", "the guest's console event channel", &port},
                    {"log-limit", "BYTES", "size of the log, of which there are two (default 4194304)",
                     &chosen.log_limit}},
        .exit_codes = "0 the guest is gone, 1 failed, 2 wrong usage"};
    line.parse(argc, argv);
    if (!domain || !port) line.wrong_usage("--domain and --port are needed");
    chosen.domid = *domain;
    chosen.port = *port;
    return chosen;
}
}  // namespace

int main(int argc, char** argv) { return paravane::host::serve<Backend>(parse(argc, argv)); }

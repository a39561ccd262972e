// SPDX-License-Identifier: MIT
// paravane-block: one disk of one guest, as a process of its own, started by the supervisor.
#include "block/backend.hpp"
#include "host/serve.hpp"
#include "os/command_line.hpp"

namespace {
using paravane::CommandLine;
using paravane::block::Backend;
using paravane::block::Options;

Options parse(int argc, char** argv) {
    Options chosen;
    std::string image;
    std::optional<std::uint16_t> domid;
    std::optional<std::uint32_t> index;
    CommandLine const line{
        .program = "paravane-block",
        .usage = "--domain N --index I --image PATH [options]",
        .about =
            "Serves one disk of a guest from a file or a block device until the guest or the disk is gone. Started "
            "by\nparavane-supervisor, which hands over what it needs: journal, image, nodes, evtchn, gntdev, "
            "ready.\n",
        .options = {{"domain", "N", "the guest's number", &domid},
                    {"index", "I", "of the disk, in xenstore", &index},
                    {"image", "PATH", "what the supervisor has opened", &image},
                    {"read-only", "", "nothing can be written to it", &chosen.read_only},
                    {"sector", "BYTES", "of a file: 512 (default) or 4096; a block device has its own", &chosen.sector},
                    {"operations", "N", "at most so many in a second (default 0: no limit)", &chosen.operations},
                    {"bytes", "N", "at most so many in a second (default 0: no limit)", &chosen.bytes}},
        .exit_codes = "0 it is to end, 1 failed, 2 wrong usage"};
    line.parse(argc, argv);
    if (!domid || !index) line.wrong_usage("--domain and --index are needed");
    chosen.domid = *domid;
    chosen.index = *index;
    return chosen;
}
}  // namespace

int main(int argc, char** argv) { return paravane::host::serve<Backend>(parse(argc, argv)); }

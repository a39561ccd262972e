// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <getopt.h>

#include <filesystem>
#include <string_view>

#include "wire.hpp"

namespace paravane::xenstored {
char const* const help_text =
    "Usage: xenstored [OPTION]...\n"
    "The store that dom0's tools and all domains share. Goes to the background once it can be connected to.\n"
    "\n"
    "  -F, --pid-file FILE       write the process id there when ready\n"
    "  -N, --no-fork             stay in the foreground, log to standard error\n"
    "  -D, --no-domain-init      serve the socket only (needs no hypervisor)\n"
    "  -h, -H, --help            print this\n"
    "\n"
    "Limits of an unprivileged domain:\n"
    "  -E, --entry-nb N          nodes (1000)\n"
    "  -S, --entry-size N        bytes in a node (2048)\n"
    "  -W, --watch-nb N          watches (128)\n"
    "  -t, --transaction N       transactions at a time (10)\n"
    "  -A, --perm-nb N           permissions of a node (5)\n"
    "  -M, --path-max N          bytes in a path (2048)\n"
    "  -Q, --quota NAME=N        transaction-nodes (1024), memory (2621440), outstanding (20), depth (32), or one of\n"
    "                            the above as nodes, node-size, watches, transactions, permissions, path-max\n"
    "\n"
    "The socket is $XENSTORED_PATH, or $XENSTORED_RUNDIR/socket, or /run/xenstored/socket.\n";

namespace {
Result<> set(Limits& limits, std::string_view name, std::string_view text) {
    std::optional<std::uint32_t> value = number_in(text);
    if (!value || !set_limit(limits, name, *value)) {
        return Error{"set the limit " + std::string{name}, "\"" + std::string{text} + "\" is no value for it"};
    }
    return {};
}

Result<> set_named(Limits& limits, std::string_view text) {
    std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        return Error{"set a limit", "\"" + std::string{text} + "\" is not NAME=N"};
    }
    return set(limits, text.substr(0, equals), text.substr(equals + 1));
}
}  // namespace

Result<Options> parse_options(int argc, char** argv) {
    static option const known[] = {
        {"pid-file", required_argument, nullptr, 'F'}, {"no-fork", no_argument, nullptr, 'N'},
        {"no-domain-init", no_argument, nullptr, 'D'}, {"help", no_argument, nullptr, 'H'},
        {"entry-nb", required_argument, nullptr, 'E'}, {"entry-size", required_argument, nullptr, 'S'},
        {"watch-nb", required_argument, nullptr, 'W'}, {"transaction", required_argument, nullptr, 't'},
        {"perm-nb", required_argument, nullptr, 'A'},  {"path-max", required_argument, nullptr, 'M'},
        {"quota", required_argument, nullptr, 'Q'},    {nullptr, 0, nullptr, 0},
    };
    Options options;
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "F:NDhHE:S:W:t:A:M:Q:", known, nullptr)) != -1;) {
        std::string_view value = optarg != nullptr ? optarg : "";
        switch (letter) {
            case 'F': options.pid_file = std::filesystem::absolute(value); break;
            case 'N': options.foreground = true; break;
            case 'D': options.domains = false; break;
            case 'h':
            case 'H': options.help = true; break;
            case 'E': TRY(set(options.limits, "nodes", value)); break;
            case 'S': TRY(set(options.limits, "node-size", value)); break;
            case 'W': TRY(set(options.limits, "watches", value)); break;
            case 't': TRY(set(options.limits, "transactions", value)); break;
            case 'A': TRY(set(options.limits, "permissions", value)); break;
            case 'M': TRY(set(options.limits, "path-max", value)); break;
            case 'Q': TRY(set_named(options.limits, value)); break;
            default:
                return Error{"read the command line",
                             "\"" + std::string{argv[optind - 1]} + "\" is no option or lacks its value; see --help"};
        }
    }
    if (optind < argc) {
        return Error{"read the command line", "\"" + std::string{argv[optind]} + "\" is not expected; see --help"};
    }
    return options;
}
}  // namespace paravane::xenstored

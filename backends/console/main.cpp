// SPDX-License-Identifier: MIT
// pvconsoled: the console of one guest, as a process of its own. paravaned starts it; it outlives paravaned.
// Without --foreground it returns when the console is ready, exit code 0, or says on standard error why it is not,
// code 1.
#include <getopt.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "console/consback.hpp"
#include "os/background.hpp"
#include "portable/base/number.hpp"

namespace {
using paravane::Background;
using paravane::ConsoleBackend;
using paravane::ConsoleOptions;
using paravane::Error;
using paravane::Result;

constexpr char usage[] =
    "Usage: pvconsoled --domain N --port P --socket PATH [options]\n"
    "Serves the console of one guest until that guest is gone.\n"
    "  --domain N        the guest's number\n"
    "  --port P          the guest's console event channel\n"
    "  --socket PATH     where clients connect\n"
    "  --log FILE        also append all output to FILE (kept below 4 MiB, one old file)\n"
    "  --scrollback N    bytes of output kept for clients that connect later (default 262144)\n"
    "  --user UID        become this user once everything is open\n"
    "  --foreground      stay attached to the caller\n"
    "  --help            this text\n"
    "Exit codes: 0 ready (or, in the foreground, the guest is gone), 1 failed, 2 wrong usage.\n";

struct Arguments {
    ConsoleOptions console;
    bool foreground = false;
};

[[noreturn]] void wrong_usage(std::string const& why) {
    std::fprintf(stderr, "pvconsoled: %s; see --help\n", why.c_str());
    std::exit(2);
}

template <class T>
T number_or_exit(char const* text) {
    std::optional<T> value = hv::parse_decimal<T>(text);
    if (!value) wrong_usage("\"" + std::string{text} + "\" is no number, or too big a one");
    return *value;
}

Arguments parse(int argc, char** argv) {
    constexpr option options[] = {{"domain", required_argument, nullptr, 'd'},
                                  {"port", required_argument, nullptr, 'p'},
                                  {"socket", required_argument, nullptr, 's'},
                                  {"log", required_argument, nullptr, 'l'},
                                  {"scrollback", required_argument, nullptr, 'b'},
                                  {"user", required_argument, nullptr, 'u'},
                                  {"foreground", no_argument, nullptr, 'f'},
                                  {"help", no_argument, nullptr, 'h'},
                                  {nullptr, 0, nullptr, 0}};
    Arguments arguments;
    bool have_domain = false, have_port = false;
    opterr = 0;  // getopt says nothing itself
    for (int chosen; (chosen = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (chosen) {
            case 'd':
                arguments.console.domid = number_or_exit<std::uint16_t>(optarg);
                have_domain = true;
                break;
            case 'p':
                arguments.console.port = number_or_exit<std::uint32_t>(optarg);
                have_port = true;
                break;
            case 's': arguments.console.socket = optarg; break;
            case 'l': arguments.console.log = optarg; break;
            case 'b': arguments.console.scrollback = number_or_exit<std::size_t>(optarg); break;
            case 'u': arguments.console.user = number_or_exit<unsigned>(optarg); break;
            case 'f': arguments.foreground = true; break;
            case 'h': std::fputs(usage, stdout); std::exit(0);
            default: wrong_usage("\"" + std::string{argv[optind - 1]} + "\" is no option or lacks its value");
        }
    }
    if (optind < argc) wrong_usage("\"" + std::string{argv[optind]} + "\" is not expected");
    if (!have_domain || !have_port || arguments.console.socket.empty()) {
        wrong_usage("--domain, --port and --socket are needed");
    }
    return arguments;
}

int fail(Error const& error) {
    std::fprintf(stderr, "pvconsoled: %s\n", error.message().c_str());
    return 1;
}

Result<> serve(Arguments const& arguments) {
    std::optional<Background> background;
    if (!arguments.foreground) background = TRY(Background::enter());
    ConsoleBackend backend = TRY(ConsoleBackend::open(arguments.console));
    if (background) TRY(std::move(*background).report_ready());
    return backend.run();
}
}  // namespace

int main(int argc, char** argv) {
    Arguments arguments = parse(argc, argv);
    close_range(3, ~0u, 0);  // nothing of the daemon that started us must live on in us
    signal(SIGPIPE, SIG_IGN);
    if (chdir("/") < 0) return fail(Error::from_errno("change to /"));
    Result<> served = serve(arguments);
    return served ? 0 : fail(served.error());
}

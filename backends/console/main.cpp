// SPDX-License-Identifier: MIT
// paravane-console: the console of one guest, as a process of its own, started by the supervisor.
#include <getopt.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "console/backend.hpp"
#include "portable/base/number.hpp"

namespace {
using paravane::Result;
using paravane::console::Backend;
using paravane::console::Options;
using paravane::host::Handover;

constexpr char usage[] =
    "Usage: paravane-console --domain N --port P [--log-limit BYTES]\n"
    "Serves the console of one guest until that guest is gone. Started by paravane-supervisor, which hands over what "
    "it\n"
    "needs: journal, listener, log, older-log, evtchn, gntdev, ready.\n"
    "  --domain N         the guest's number\n"
    "  --port P           the guest's console event channel\n"
    "  --log-limit BYTES  size of the log, of which there are two (default 4194304)\n"
    "  --help             this text\n"
    "Exit codes: 0 the guest is gone, 1 failed, 2 wrong usage.\n";

[[noreturn]] void wrong_usage(std::string const& why) {
    std::fprintf(stderr, "paravane-console: %s; see --help\n", why.c_str());
    std::exit(2);
}

template <class T>
T number_or_exit(char const* text) {
    std::optional<T> value = hv::parse_decimal<T>(text);
    if (!value) wrong_usage("\"" + std::string{text} + "\" is no number, or too big a one");
    return *value;
}

Options parse(int argc, char** argv) {
    constexpr option options[] = {{"domain", required_argument, nullptr, 'd'},
                                  {"port", required_argument, nullptr, 'p'},
                                  {"log-limit", required_argument, nullptr, 'l'},
                                  {"help", no_argument, nullptr, 'h'},
                                  {nullptr, 0, nullptr, 0}};
    Options console;
    bool have_domain = false, have_port = false;
    opterr = 0;  // getopt says nothing itself
    for (int chosen; (chosen = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (chosen) {
            case 'd':
                console.domid = number_or_exit<std::uint16_t>(optarg);
                have_domain = true;
                break;
            case 'p':
                console.port = number_or_exit<std::uint32_t>(optarg);
                have_port = true;
                break;
            case 'l': console.log_limit = number_or_exit<std::uint64_t>(optarg); break;
            case 'h': std::fputs(usage, stdout); std::exit(0);
            default: wrong_usage("\"" + std::string{argv[optind - 1]} + "\" is no option or lacks its value");
        }
    }
    if (optind < argc) wrong_usage("\"" + std::string{argv[optind]} + "\" is not expected");
    if (!have_domain || !have_port) wrong_usage("--domain and --port are needed");
    return console;
}

Result<> serve(Options const& options) {
    Handover handover = TRY(Handover::take());
    std::unique_ptr<Backend> backend = TRY(Backend::open(options, handover));
    return backend->run(handover);
}
}  // namespace

int main(int argc, char** argv) {
    Options options = parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    Result<> served = serve(options);
    if (served) return 0;
    std::fprintf(stderr, "%s\n", served.error().message().c_str());
    return 1;
}

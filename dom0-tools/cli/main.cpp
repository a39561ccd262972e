// SPDX-License-Identifier: MIT
// pvctl: the command line of a Paravane host.
#include <CLI/CLI.hpp>
#include <csignal>

#include "cli/commands.hpp"
#include "domain/utf8.hpp"
#include "os/unix_socket.hpp"

namespace {
using paravane::Client;
using paravane::Commands;
using paravane::CreateOptions;
using paravane::ExitCode;
using paravane::OutputFormat;

constexpr char exit_codes[] =
    "Exit codes: 0 done; 1 failed inside the hypervisor or paravaned; 2 wrong usage; 3 no such domain;\n"
    "4 the name is taken; 5 bad domain file or argument; 6 the domain's state or its kernel does not allow it;\n"
    "7 not enough memory or another resource; 8 not in time; 9 paravaned or xenstored does not answer.";

constexpr char domain_file[] =
    "A domain file has one \"key: value\" a line; relative paths start at its folder:\n"
    "  name: web                     unique; letters, digits, '-', '_', '.'\n"
    "  kernel: /boot/vmlinuz         ELF or bzImage\n"
    "  initrd: /boot/initrd          optional\n"
    "  cmdline: console=hvc0         optional\n"
    "  memory: 128MiB                KiB, MiB or GiB\n"
    "  vcpus: 1                      optional, 1-128\n"
    "  on_poweroff: destroy          optional, as the next two: destroy, restart or preserve\n"
    "  on_reboot: restart\n"
    "  on_crash: destroy\n\n";

struct Line {
    std::string socket = "/run/paravane/paravaned.sock";
    std::string output = "table";
    CreateOptions create;
    std::optional<std::string> name;
    std::vector<std::string> names;
    double wait = 0;
    bool clear = false;
    unsigned count = 0;
};

// What the API's messages can carry.
CLI::Validator is_text() {
    return {[](std::string& text) { return paravane::is_utf8(text) ? "" : "not valid UTF-8"; }, ""};
}

CLI::Validator is_socket() {
    return {[](std::string& path) {
                bool usable = !path.empty() && path.size() <= paravane::longest_socket_path;
                return usable ? "" : "not the path of a socket: 1 to 107 bytes";
            },
            ""};
}

CLI::Validator is_wait() {
    return {[](std::string& text) {
                double seconds = 0;
                bool in_range = CLI::detail::lexical_cast(text, seconds) && seconds >= 0 && seconds <= 86400;
                return in_range ? "" : "not a number of seconds from 0 to 86400";
            },
            "0-86400"};
}

using Action = ExitCode (*)(Commands&, Line const&);

CLI::App* add(CLI::App& app, Action& chosen, char const* name, char const* help, Action action) {
    CLI::App* command = app.add_subcommand(name, help);
    command->fallthrough();  // -o and --socket may also follow the command
    command->callback([&chosen, action] { chosen = action; });
    return command;
}

void add_commands(CLI::App& app, Line& line, Action& chosen) {
    auto* create = add(app, chosen, "create", "Make a domain from a domain file (YAML) and start it",
                       [](Commands& commands, Line const& given) { return commands.create(given.create); });
    create->add_option("FILE", line.create.file, "The domain file")->required();
    create->add_flag("--paused,-p", line.create.paused, "Do not let it run yet");
    create->footer(std::string{domain_file} + exit_codes);
    create->add_flag("--console,-c", line.create.console, "Follow its console from the first byte until it ends");
    add(app, chosen, "list", "Show all domains", [](Commands& commands, Line const&) { return commands.list(); });
    add(app, chosen, "info", "Show one domain, or the host",
        [](Commands& commands, Line const& given) { return commands.info(given.name); })
        ->add_option("NAME", line.name, "A domain's name or number; without it: the host")
        ->check(is_text());
    add(app, chosen, "console", "Tie the terminal to a domain's console until it ends; Ctrl-] leaves",
        [](Commands& commands, Line const& given) { return commands.console(*given.name); })
        ->add_option("NAME", line.name, "The domain's name or number")
        ->check(is_text())
        ->required();
    auto* pause = add(app, chosen, "pause", "Stop a domain's vCPUs",
                      [](Commands& commands, Line const& given) { return commands.pause(given.names); });
    auto* unpause = add(app, chosen, "unpause", "Let a paused domain run",
                        [](Commands& commands, Line const& given) { return commands.unpause(given.names); });
    auto* shutdown =
        add(app, chosen, "shutdown", "Ask a guest to power off",
            [](Commands& commands, Line const& given) { return commands.shutdown(given.names, given.wait); });
    auto* reboot = add(app, chosen, "reboot", "Ask a guest to reboot",
                       [](Commands& commands, Line const& given) { return commands.reboot(given.names, given.wait); });
    auto* destroy = add(app, chosen, "destroy", "End a domain at once and free all it has",
                        [](Commands& commands, Line const& given) { return commands.destroy(given.names); });
    for (CLI::App* command : {pause, unpause, shutdown, reboot, destroy}) {
        command->add_option("NAME", line.names, "Names or numbers of domains")->check(is_text())->required();
    }
    for (CLI::App* command : {shutdown, reboot}) {
        command->add_option("--wait,-w", line.wait, "Seconds to wait for its end (default: only ask)")
            ->check(is_wait());
    }
    add(app, chosen, "dmesg", "Show the hypervisor's log", [](Commands& commands, Line const& given) {
        return commands.dmesg(given.clear);
    })->add_flag("--clear", line.clear, "Empty it afterwards");
    add(app, chosen, "events", "Show changes of domains as they happen", [](Commands& commands, Line const& given) {
        return commands.events(given.count);
    })->add_option("--count,-n", line.count, "End after so many (default: never)");
}

std::string complaint(CLI::App const* app, CLI::Error const& error) {
    std::string what = error.what();
    // To the parser a word that is no command is a command that is missing.
    if (app->get_subcommands().empty() && !app->remaining().empty()) {
        std::string const word = app->remaining().front();
        what = (word.starts_with('-') ? "there is no option \"" : "there is no command \"") + word + "\"";
    }
    return "pvctl: " + what + "\nRun with --help for more information.\n";
}
}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    Line line;
    Action chosen = nullptr;
    CLI::App app{"Controls the domains of this Paravane host.", "pvctl"};
    app.failure_message(complaint);
    app.footer(exit_codes);
    app.require_subcommand(1);
    app.set_version_flag("--version", PARAVANE_VERSION);
    app.add_option("--socket", line.socket, "Where paravaned listens")
        ->capture_default_str()
        ->envname("PARAVANE_SOCKET")
        ->check(is_socket());
    app.add_option("--output,-o", line.output, "For people or for programs")
        ->check(CLI::IsMember({"table", "json"}))
        ->capture_default_str();
    add_commands(app, line, chosen);
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) { return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage); }
    Client client{line.socket};
    Commands commands{client, line.output == "json" ? OutputFormat::json : OutputFormat::table};
    return static_cast<int>(chosen(commands, line));
}

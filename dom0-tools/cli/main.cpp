// SPDX-License-Identifier: MIT
// pvctl: the command line of a Paravane host.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "cli/actions.hpp"
#include "cli/completion.hpp"
#include "cli/help.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"

namespace {
using namespace paravane;

int complain(std::string const& why) {
    std::fprintf(stderr, "pvctl: %s\nRun `pvctl help` for more.\n", printable(why).c_str());
    return static_cast<int>(ExitCode::usage);
}

Format format_of(std::string const& word) {
    if (word == "wide") return Format::wide;
    if (word == "json") return Format::json;
    if (word == "yaml") return Format::yaml;
    return word == "name" ? Format::name : Format::table;
}

ColorMode color_of(std::string const& word) {
    return word == "always" ? ColorMode::always : word == "never" ? ColorMode::never : ColorMode::automatic;
}

// --host, then --socket, then the environment, then where it always is.
Result<Endpoint> find_host(Line const& line) {
    if (line.has("host")) return parse_host(line.text("host"));
    if (line.has("socket")) return parse_host("unix:" + line.text("socket"));
    if (char const* host = std::getenv("PARAVANE_HOST")) return parse_host(host);
    if (char const* socket = std::getenv("PARAVANE_SOCKET")) return parse_host(std::string{"unix:"} + socket);
    return parse_host("/run/paravane/paravaned.sock");
}

int finish(Session& session, ExitCode code) {
    if (!session.output().is_broken()) return static_cast<int>(code);
    // Who closed a pipe knows it; anything else has to be told.
    if (!session.output().is_closed_pipe())
        std::fprintf(stderr, "pvctl: standard output: %s\n", session.output().failure().c_str());
    return static_cast<int>(ExitCode::output_lost);
}

int show_help(Line const& line) {
    Session session{line, {}, Output{Format::table, ColorMode::never}};
    if (line.version) return finish(session, run_version(session));
    session.output().write(line.command != nullptr ? help_for(*line.command)
                           : line.group != nullptr ? help_for(*line.group)
                                                   : help_for_all());
    return finish(session, ExitCode::success);
}
}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::span<char const* const> words{argv + (argc > 0 ? 1 : 0), static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)};
    bool const completes = !words.empty() && std::string_view{words[0]} == "__complete";
    constexpr char const* no_command[] = {"list", "--timeout", "2s"};
    Result<Line> line = parse_line(completes ? std::span<char const* const>{no_command} : words);
    if (!line) return complain(line.error().message());
    if (line->help || line->version) return show_help(*line);
    Result<Endpoint> endpoint = find_host(*line);
    if (!endpoint) return complain("--host: " + endpoint.error().message());
    if (endpoint->remote && !line->has("plaintext"))
        return complain("--host: " + endpoint->shown +
                        " is on a network: TLS is not there yet, so it needs --plaintext");
    Output output{format_of(line->text("output")), color_of(line->text("color"))};
    Command const& command = *line->command;
    Session session{*std::move(line), *std::move(endpoint), std::move(output)};
    if (completes) return finish(session, answer_completion(session, {words.begin() + 1, words.end()}));
    return finish(session, command.action(session));
}

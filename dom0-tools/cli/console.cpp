// SPDX-License-Identifier: MIT
#include "cli/console.hpp"

#include <paravane/v1/consoles.grpc.pb.h>
#include <unistd.h>

#include <cstdio>

#include "cli/actions.hpp"
#include "cli/terminal_mode.hpp"
#include "cli/text.hpp"
#include "cli/typist.hpp"

namespace paravane {
namespace {
using Response = v1::AttachConsoleResponse;
constexpr char usual_escape = 0x1d;  // Ctrl-]

// An option that only the command `console` has.
bool says(Line const& line, char const* option) { return line.command->option(option) != nullptr && line.has(option); }

std::optional<char> escape_of(Line const& line) {
    return says(line, "escape") ? *parse_escape(line.text("escape")) : std::optional{usual_escape};
}

v1::AttachConsoleRequest open_request(Line const& line, ConsoleTarget const& target) {
    v1::AttachConsoleRequest request;
    v1::AttachConsoleRequest::Open& open = *request.mutable_open();
    if (!target.uid.empty()) open.set_uid(target.uid);
    else open.set_name(target.name);
    open.set_read_only(says(line, "read-only"));
    open.set_no_replay(says(line, "no-replay"));
    open.set_follow(says(line, "follow"));
    return request;
}

// What the console does not show by itself: who types, and what is missing.
std::string remark(Response const& response) {
    if (response.message_case() == Response::kKeyboard)
        return response.keyboard() == Response::KEYBOARD_TAKEN ? "somebody else types; what you type is not taken"
                                                               : "nobody else types any more";
    std::string text;
    if (std::uint64_t const printed = response.lost().printed())
        text = std::to_string(printed) + " bytes that the guest printed are missing here";
    if (std::uint64_t const typed = response.lost().typed())
        text += (text.empty() ? "" : "; ") + std::to_string(typed) + " bytes that were typed may not have reached it";
    return text;
}

// Prints until the host says that it is over, or nobody takes our output any more.
std::optional<Response::Ended> copy_output(Session& session, Typist::Stream& stream, grpc::ClientContext& context,
                                           std::string const& operation) {
    Response response;
    while (stream.Read(&response)) {
        if (response.has_ended()) return response.ended();
        if (response.message_case() == Response::kData && !session.output().write(response.data())) {
            context.TryCancel();
            return std::nullopt;
        }
        if (std::string const text = remark(response); !text.empty())
            std::fprintf(stderr, "pvctl: %s: %s\n", printable(operation).c_str(), text.c_str());
    }
    return std::nullopt;
}

ExitCode judge_end(Session& session, Response::Ended const& ended, std::string const& operation) {
    switch (ended.reason()) {
        case Response::END_REASON_GUEST_ENDED:
        case Response::END_REASON_DOMAIN_DELETED: return ExitCode::success;
        case Response::END_REASON_DAEMON_ENDS:
            return session.refuse(Error{"", "paravaned ends: attach again"}, operation, ExitCode::unreachable);
        default: {
            std::string const why = ended.message().empty() ? "the backend ended" : ended.message();
            return session.refuse(Error{"", why}, operation, ExitCode::unreachable);
        }
    }
}
}  // namespace

ExitCode run_console(Session& session, ConsoleTarget const& target, std::function<ExitCode()> const& attached) {
    std::string const operation = "console " + target.shown;
    std::optional<char> const escape = escape_of(session.line());
    bool const read_only = says(session.line(), "read-only");
    auto stub = session.service<v1::Consoles>();
    grpc::ClientContext context;
    auto stream = stub->AttachConsole(&context);
    Response first;
    if (!stream->Write(open_request(session.line(), target)) || !stream->Read(&first))
        return session.fail(stream->Finish(), operation);
    if (first.has_attached()) {
        if (ExitCode const begun = attached(); begun != ExitCode::success) {
            context.TryCancel();
            (void)stream->Finish();
            return begun;
        }
    }

    bool const terminal = isatty(STDIN_FILENO) == 1;
    if (terminal)
        std::fprintf(stderr, "Console of %s%s%s.\n", printable(target.shown).c_str(), read_only ? ", to look at" : "",
                     escape ? ("; " + format_escape(*escape) + " leaves it").c_str() : "");
    std::optional<Response::Ended> ended;
    bool escaped = false, unread = false;
    {
        std::optional<TerminalMode> raw;
        if (terminal) raw.emplace(TerminalMode::Kind::raw);
        CancelWhenUnread watch{context};
        Typist typist{*stream, context, escape, terminal, read_only};
        ended = first.has_ended() ? first.ended() : copy_output(session, *stream, context, operation);
        if (!ended || typist.is_sending()) context.TryCancel();
        escaped = typist.escaped();
        unread = watch.happened();
    }
    grpc::Status const status = stream->Finish();
    if (escaped && terminal) std::fprintf(stderr, "\nConsole left.\n");
    if (unread || session.output().is_broken()) return ExitCode::output_lost;
    if (escaped) return ExitCode::success;
    if (!ended) return session.fail(status, operation);
    if (terminal) std::fprintf(stderr, "\nThe guest has ended.\n");
    return judge_end(session, *ended, operation);
}

ExitCode run_console_command(Session& session) {
    ConsoleTarget target{.uid = "", .name = "", .shown = session.argument(0)};
    grpc::Status const status = session.resolve(target.shown, target.name, target.uid);
    if (!status.ok()) return session.fail(status, "console " + target.shown);
    return run_console(session, target, [] { return ExitCode::success; });
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// events, logs and dmesg: what comes, as it comes, until it ends or nobody reads it any more.
#include <paravane/v1/consoles.grpc.pb.h>
#include <paravane/v1/events.grpc.pb.h>
#include <paravane/v1/host.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/lists.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
// A guest's or the hypervisor's words: on a terminal without what would move its cursor, elsewhere as they are.
bool write_raw(Session& session, std::string const& data) {
    bool const as_is = !session.output().is_terminal() || session.line().has("raw");
    if (as_is) return session.output().write(data);
    // A line's end has a carriage return before it in what guests print.
    std::string text;
    for (std::size_t i = 0; i < data.size(); ++i)
        if (data[i] != '\r' || (i + 1 < data.size() && data[i + 1] != '\n')) text += data[i];
    return session.output().write(printable(text, true));
}

// The stream's end: what it says, unless we ended it.
ExitCode judge_stream(Session& session, grpc::Status const& status, bool unread, std::string const& what) {
    if (unread || session.output().is_broken()) return ExitCode::output_lost;
    return status.ok() ? ExitCode::success : session.fail(status, what);
}

template <class Reader, class Response>
ExitCode copy_bytes(Session& session, grpc::ClientContext& context, std::unique_ptr<Reader> reader, Response& response,
                    std::string const& what) {
    CancelWhenUnread unread{context};
    while (reader->Read(&response))
        if (!write_raw(session, response.data())) context.TryCancel();
    return judge_stream(session, reader->Finish(), unread.happened(), what);
}
}  // namespace

ExitCode run_logs(Session& session) {
    std::string const what = "logs " + session.argument(0);
    v1::ReadConsoleLogRequest request;
    if (grpc::Status const status = session.name_domain(request, session.argument(0)); !status.ok())
        return session.fail(status, what);
    request.set_tail_bytes(session.line().size("tail").value_or(0));
    request.set_follow(session.line().has("follow"));
    grpc::ClientContext context;
    session.set_deadline(context, false);
    auto stub = session.service<v1::Consoles>();
    v1::ReadConsoleLogResponse response;
    return copy_bytes(session, context, stub->ReadConsoleLog(&context, request), response, what);
}

ExitCode run_dmesg(Session& session) {
    v1::ReadHypervisorLogRequest request;
    request.set_clear(session.line().has("clear"));
    grpc::ClientContext context;
    session.set_deadline(context, true);
    auto stub = session.service<v1::Host>();
    v1::ReadHypervisorLogResponse response;
    return copy_bytes(session, context, stub->ReadHypervisorLog(&context, request), response, "dmesg");
}

ExitCode run_events(Session& session) {
    Line const& line = session.line();
    v1::WatchEventsRequest request;
    request.set_follow(!line.has("no-follow"));
    if (line.has("since")) *request.mutable_since_time() = *parse_time(line.text("since"));
    std::string const what = line.arguments.empty() ? "events" : "events " + line.arguments[0];
    if (!line.arguments.empty())
        if (grpc::Status const status = session.name_domain(request, line.arguments[0]); !status.ok())
            return session.fail(status, what);
    std::uint64_t const most = line.count("count").value_or(0);
    grpc::ClientContext context;
    session.set_deadline(context, false);
    CancelWhenUnread unread{context};
    auto stub = session.service<v1::Events>();
    auto reader = stub->WatchEvents(&context, request);
    v1::WatchEventsResponse response;
    std::uint64_t seen = 0;
    while ((most == 0 || seen < most) && reader->Read(&response)) {
        if (!response.has_event()) continue;
        ++seen;
        if (!session.print_line(response.event(), render_event(response.event()))) break;
    }
    bool const enough = most != 0 && seen == most;
    if (enough || session.output().is_broken()) context.TryCancel();
    grpc::Status const status = reader->Finish();
    if (enough && !session.output().is_broken()) return ExitCode::success;
    if (status.ok() && seen == 0 && !line.arguments.empty()) {  // of nobody there is nothing to tell
        v1::Domain domain;
        if (grpc::Status const known = get_domain(session, line.arguments[0], domain); !known.ok())
            return session.fail(known, what);
    }
    return judge_stream(session, status, unread.happened(), what);
}
}  // namespace paravane

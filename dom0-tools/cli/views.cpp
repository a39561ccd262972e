// SPDX-License-Identifier: MIT
// list, describe and wait: domains as they are, and as they change.
#include <google/protobuf/util/time_util.h>
#include <paravane/v1/events.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/lists.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
std::string name_line(v1::Domain const& domain) {
    std::string const& name = domain.metadata().name();
    return printable(name.empty() ? domain.metadata().uid() : name) + "\n";
}

// The domains that were named, or all that the selector matches.
ExitCode collect(Session& session, v1::ListDomainsResponse& found) {
    if (session.line().arguments.empty()) {
        grpc::Status const status = list_domains(session, session.line().text("selector"), found);
        return status.ok() ? ExitCode::success : session.fail(status, "list");
    }
    return act_on_each(session.line().arguments, [&](std::string const& word) {
        v1::Domain domain;
        grpc::Status const status = get_domain(session, word, domain);
        if (!status.ok()) return session.fail(status, "list " + word);
        *found.add_domains() = std::move(domain);
        return ExitCode::success;
    });
}

void print_table(Session& session, v1::ListDomainsResponse const& found) {
    bool const is_wide = session.output().format() == Format::wide;
    std::vector<Row> rows{domain_header(is_wide)};
    std::vector<v1::Domain> const domains{found.domains().begin(), found.domains().end()};
    for (v1::Domain const& domain : domains) rows.push_back(domain_row(domain, is_wide));
    session.output().write(table(rows, paint_states(session.output(), domains)));
}

// Rows as they come: their columns are as wide as names and numbers usually are.
std::string change_line(Session& session, v1::WatchDomainsResponse const& change) {
    constexpr std::size_t widths[] = {3, 16, 9, 8, 5, 8, 9, 8, 8, 16, 36};
    Row row = domain_row(change.domain(), session.output().format() == Format::wide);
    if (change.type() == v1::WATCH_TYPE_DELETED) row.at(2) = "gone";
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) {
        std::size_t const width = width_of(row[i]);
        text += row[i] + std::string(width < widths[i] ? widths[i] - width : 0, ' ') + "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
}

ExitCode watch(Session& session) {
    Line const& line = session.line();
    v1::WatchDomainsRequest request;
    request.set_label_selector(line.text("selector"));
    if (line.arguments.size() > 1)
        return session.refuse(Error{"", "--watch is for all domains, or for one"}, "list", ExitCode::usage);
    if (!line.arguments.empty())
        if (grpc::Status const status = session.name_domain(request, line.arguments[0]); !status.ok())
            return session.fail(status, "list " + line.arguments[0]);
    Format const format = session.output().format();
    grpc::Status const status = watch_domains(session, request, true, [&](auto const& change, bool) {
        if (change.type() == v1::WATCH_TYPE_BOOKMARK && format != Format::json) return true;
        return session.print_line(change,
                                  format == Format::name ? name_line(change.domain()) : change_line(session, change));
    });
    return status.ok() ? ExitCode::output_lost : session.fail(status, "list");
}

std::string recent_events(Session& session, v1::Domain const& domain) {
    v1::WatchEventsRequest request;
    request.set_uid(domain.metadata().uid());
    *request.mutable_since_time() = google::protobuf::util::TimeUtil::SecondsToTimestamp(1);
    grpc::ClientContext context;
    session.set_deadline(context, true);
    auto stub = session.service<v1::Events>();
    auto reader = stub->WatchEvents(&context, request);
    std::vector<std::string> lines;
    v1::WatchEventsResponse response;
    while (reader->Read(&response))
        if (response.has_event()) lines.push_back("  " + render_event(response.event()));
    // What is too old to be told is no fault of the domain.
    if (!reader->Finish().ok() && lines.empty()) return "";
    constexpr std::size_t most = 10;
    std::string text = lines.empty() ? "" : "events:\n";
    for (std::size_t i = lines.size() > most ? lines.size() - most : 0; i < lines.size(); ++i) text += lines[i];
    return text;
}

bool is_there(Aim const& aim, v1::Domain const& domain) {
    v1::DomainStatus const& status = domain.status();
    switch (aim.kind) {
        case Aim::Kind::phase: return word(status.phase()) == aim.name;
        case Aim::Kind::ended:
            return status.phase() == v1::DOMAIN_PHASE_ENDED || status.phase() == v1::DOMAIN_PHASE_CRASHED ||
                   status.phase() == v1::DOMAIN_PHASE_STOPPED;
        case Aim::Kind::condition:
            for (v1::Condition const& each : status.conditions())
                if (each.type() == aim.name)
                    return each.status() == (aim.value ? v1::Condition::STATUS_TRUE : v1::Condition::STATUS_FALSE);
            return !aim.value;  // what is not the case is mostly not mentioned
        case Aim::Kind::gone: return false;
    }
    return false;
}

// OK once the aim is reached; `last` is what was seen last.
grpc::Status wait_for(Session& session, Aim const& aim, std::string const& word, v1::Domain& last) {
    bool const end_will_do = aim.kind == Aim::Kind::gone || aim.kind == Aim::Kind::ended;
    v1::WatchDomainsRequest request;
    if (grpc::Status status = session.name_domain(request, word); !status.ok()) {
        bool const gone = status.error_code() == grpc::StatusCode::NOT_FOUND;
        return gone && end_will_do ? grpc::Status::OK : status;
    }
    bool there = false, was_there = false, reached = false, vanished = false;
    grpc::Status const status = watch_domains(session, request, false, [&](auto const& change, bool all_seen) {
        if (change.type() == v1::WATCH_TYPE_ADDED || change.type() == v1::WATCH_TYPE_MODIFIED) {
            there = was_there = true;
            last = change.domain();
            reached = is_there(aim, last);
        } else if (change.type() == v1::WATCH_TYPE_DELETED || (all_seen && !there)) {
            there = false;
            reached = end_will_do;
            // What is not there yet may still come; what is gone does not come back.
            vanished = !reached && (was_there || !session.line().has("create"));
        }
        return !reached && !vanished;
    });
    if (reached) return grpc::Status::OK;
    if (vanished) return {grpc::StatusCode::NOT_FOUND, was_there ? "it is gone" : "there is no such domain"};
    return status;
}
}  // namespace

ExitCode run_list(Session& session) {
    if (session.line().has("watch")) return watch(session);
    v1::ListDomainsResponse found;
    ExitCode const code = collect(session, found);
    if (code != ExitCode::success && found.domains().empty()) return code;
    switch (session.output().format()) {
        case Format::name:
            for (v1::Domain const& domain : found.domains()) session.output().write(name_line(domain));
            break;
        case Format::table:
        case Format::wide: print_table(session, found); break;
        default: session.print(found, "");
    }
    return code;
}

ExitCode run_describe(Session& session) {
    std::vector<v1::Domain> domains;
    ExitCode const worst = act_on_each(session.line().arguments, [&](std::string const& word) {
        v1::Domain domain;
        grpc::Status const status = get_domain(session, word, domain);
        if (!status.ok()) return session.fail(status, std::string{session.line().command->name()} + " " + word);
        if (session.is_text())
            session.output().write((domains.empty() ? "" : "\n") + render_domain(domain) +
                                   recent_events(session, domain));
        if (session.output().format() == Format::name) session.output().write(name_line(domain));
        domains.push_back(std::move(domain));
        return ExitCode::success;
    });
    print_answers(session, domains, session.line().arguments.size());
    return worst;
}

ExitCode run_wait(Session& session) {
    Aim const aim = *parse_aim(session.line().text("for", "condition=Ready"));
    std::vector<v1::Domain> domains;
    ExitCode const worst = act_on_each(session.line().arguments, [&](std::string const& word) {
        v1::Domain domain;
        grpc::Status const status = wait_for(session, aim, word, domain);
        if (!status.ok()) return session.fail(status, "wait " + word);
        if (session.output().format() == Format::name) session.output().write(printable(word) + "\n");
        domains.push_back(std::move(domain));
        return ExitCode::success;
    });
    print_answers(session, domains, session.line().arguments.size());
    return worst;
}
}  // namespace paravane

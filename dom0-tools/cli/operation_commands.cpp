// SPDX-License-Identifier: MIT
// Operations.
#include <paravane/v1/operations.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/lists.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
ExitCode watch_operations(Session& session, std::string const& target) {
    v1::WatchOperationsRequest request;
    request.set_target_uid(target);
    grpc::ClientContext context;
    session.set_deadline(context, false);
    CancelWhenUnread unread{context};
    auto stub = session.service<v1::Operations>();
    auto reader = stub->WatchOperations(&context, request);
    v1::WatchOperationsResponse change;
    while (reader->Read(&change)) {
        bool const bookmark = change.type() == v1::WATCH_TYPE_BOOKMARK;
        if (bookmark && session.output().format() != Format::json) continue;
        std::string text;
        for (std::string const& cell : operation_row(change.operation())) text += (text.empty() ? "" : "  ") + cell;
        if (session.output().format() == Format::name) text = printable(change.operation().uid());
        if (!session.print_line(change, text + "\n")) context.TryCancel();
    }
    grpc::Status const status = reader->Finish();
    if (unread.happened() || session.output().is_broken()) return ExitCode::output_lost;
    return session.fail(status, "operation list");
}

std::string render_operation(v1::Operation const& operation) {
    Row const header = operation_header(), row = operation_row(operation);
    std::vector<Row> rows;
    for (std::size_t i = 0; i < header.size(); ++i) {
        std::string name = header[i];
        for (char& c : name)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        rows.push_back({name, row[i]});
    }
    if (operation.has_end_time()) rows.push_back({"ended", format_time(operation.end_time())});
    rows.push_back({"cancellable", operation.cancellable() ? "yes" : "no"});
    rows.push_back({"request id", printable(operation.request_id())});
    return table(rows) + (operation.has_error() ? render_failure(operation.error()) : "");
}

std::string text_of(Session& session, v1::Operation const& operation) {
    bool const only_name = session.output().format() == Format::name;
    return only_name ? printable(operation.uid()) + "\n" : render_operation(operation);
}

// What there is to ask of one operation, named by its uid.
template <class Request>
ExitCode ask(Session& session, char const* verb, Method<v1::Operations::Stub, Request, v1::Operation> method) {
    Request request;
    request.set_uid(session.argument(0));
    return session.ask(std::string{"operation "} + verb + " " + request.uid(), method, request,
                       [&](v1::Operation const& operation) { return text_of(session, operation); });
}
}  // namespace

ExitCode run_list_operations(Session& session) {
    Line const& line = session.line();
    std::string target;
    if (!line.arguments.empty()) {
        v1::Domain domain;
        grpc::Status const status = get_domain(session, line.arguments[0], domain);
        if (!status.ok()) return session.fail(status, "operation list " + line.arguments[0]);
        target = domain.metadata().uid();
    }
    if (line.has("watch")) return watch_operations(session, target);
    v1::ListOperationsRequest request;
    request.set_page_size(1000);
    request.set_target_uid(target);
    request.set_pending_only(line.has("pending"));
    v1::ListOperationsResponse all;
    for (;;) {
        v1::ListOperationsResponse page;
        grpc::Status const status = session.call(&v1::Operations::Stub::ListOperations, request, page);
        if (!status.ok()) return session.fail(status, "operation list");
        all.mutable_operations()->MergeFrom(page.operations());
        all.set_revision(page.revision());
        if (page.next_page_token().empty()) break;
        request.set_page_token(page.next_page_token());
    }
    std::vector<Row> rows{operation_header()};
    std::string uids;
    for (v1::Operation const& operation : all.operations()) {
        rows.push_back(operation_row(operation));
        uids += printable(operation.uid()) + "\n";
    }
    session.print(all, session.output().format() == Format::name ? uids : table(rows));
    return ExitCode::success;
}

ExitCode run_describe_operation(Session& session) {
    return ask(session, "describe", &v1::Operations::Stub::GetOperation);
}

ExitCode run_wait_operation(Session& session) {
    v1::WaitOperationRequest request;
    request.set_uid(session.argument(0));
    std::string const what = "operation wait " + request.uid();
    v1::Operation operation;
    grpc::Status const status = session.call(&v1::Operations::Stub::WaitOperation, request, operation, false);
    if (!status.ok()) return session.fail(status, what);
    if (operation.has_error()) return session.fail(operation.error(), short_name(operation));
    if (!operation.done()) return session.refuse(Error{"", "not done in time"}, what, ExitCode::timed_out);
    session.print(operation, text_of(session, operation));
    return ExitCode::success;
}

ExitCode run_cancel_operation(Session& session) {
    return ask(session, "cancel", &v1::Operations::Stub::CancelOperation);
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "cli/lists.hpp"

namespace paravane {
grpc::Status list_domains(Session& session, std::string const& selector, v1::ListDomainsResponse& all) {
    v1::ListDomainsRequest request;
    request.set_page_size(1000);
    request.set_label_selector(selector);
    for (;;) {
        v1::ListDomainsResponse page;
        grpc::Status status = session.call(&v1::Domains::Stub::ListDomains, request, page);
        if (!status.ok()) return status;
        all.mutable_domains()->MergeFrom(page.domains());
        all.set_revision(page.revision());
        if (page.next_page_token().empty()) return grpc::Status::OK;
        request.set_page_token(page.next_page_token());
    }
}

grpc::Status get_domain(Session& session, std::string const& word, v1::Domain& domain) {
    v1::GetDomainRequest request;
    grpc::Status status = session.name_domain(request, word);
    if (!status.ok()) return status;
    return session.call(&v1::Domains::Stub::GetDomain, request, domain);
}

grpc::Status watch_domains(Session& session, v1::WatchDomainsRequest const& request, bool printing,
                           VisitChange const& visit) {
    auto stub = session.service<v1::Domains>();
    for (;;) {
        grpc::ClientContext context;
        session.set_deadline(context, false);
        std::optional<CancelWhenUnread> unread;
        if (printing) unread.emplace(context);
        auto reader = stub->WatchDomains(&context, request);
        v1::WatchDomainsResponse change;
        bool all_seen = false, go_on = true;
        while (go_on && reader->Read(&change)) {
            if (change.type() == v1::WATCH_TYPE_BOOKMARK) all_seen = true;
            go_on = visit(change, all_seen);
        }
        if (!go_on) context.TryCancel();
        grpc::Status const status = reader->Finish();
        if (!go_on || (unread && unread->happened())) return grpc::Status::OK;
        if (status.error_code() != grpc::StatusCode::OUT_OF_RANGE) return status;
    }
}

ExitCode find_targets(Session& session, std::string const& operation, std::vector<std::string>& targets) {
    Line const& line = session.line();
    bool const chosen = line.has("selector") || line.has("all");
    if (chosen != line.arguments.empty() || (line.has("selector") && line.has("all")))
        return session.refuse(Error{"", "give names, or --selector, or --all"}, operation, ExitCode::usage);
    targets = line.arguments;
    if (!chosen) return ExitCode::success;
    v1::ListDomainsResponse all;
    grpc::Status const status = list_domains(session, line.text("selector"), all);
    if (!status.ok()) return session.fail(status, operation);
    for (v1::Domain const& domain : all.domains()) {
        bool const dom0 = domain.status().has_id() && domain.status().id() == 0;
        if (!dom0)
            targets.push_back(domain.metadata().name().empty() ? domain.metadata().uid() : domain.metadata().name());
    }
    return ExitCode::success;
}
}  // namespace paravane

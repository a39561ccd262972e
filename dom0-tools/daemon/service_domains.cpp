// SPDX-License-Identifier: MIT
#include "daemon/service_domains.hpp"

#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>

#include "domain/utf8.hpp"
#include "domain/uuid.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;

constexpr int usual_page = 100, largest_page = 1000;
constexpr std::size_t most_listings = 32;

DomainInfo const* find_info(std::vector<DomainInfo> const& all, DomainView const& view) {
    std::optional<std::uint16_t> id = view.id();
    auto found = std::ranges::find_if(
        all, [&](DomainInfo const& info) { return id == info.id && to_string(info.handle) == view.record.uid; });
    return found == all.end() ? nullptr : &*found;
}

// The fields of the mask, from the request, over what the domain has.
Result<> apply_update(v1::UpdateDomainRequest const& request, DomainSpec& spec) {
    using google::protobuf::util::FieldMaskUtil;
    v1::Domain wanted, domain;
    *wanted.mutable_metadata() = request.metadata();
    *wanted.mutable_spec() = request.spec();
    fill_message(*domain.mutable_metadata(), *domain.mutable_spec(), spec);
    google::protobuf::FieldMask mask = request.update_mask();
    if (mask.paths().empty()) {
        mask.add_paths("spec");
        mask.add_paths("metadata.labels");
    }
    for (std::string const& path : mask.paths()) {
        bool ours = path == "spec" || path.starts_with("spec.") || path == "metadata.labels" ||
                    path == "metadata.annotations" || path == "metadata.managed_by" || path == "metadata.owner";
        if (!ours || !FieldMaskUtil::IsValidPath<v1::Domain>(path)) {
            return Error{"update_mask", "\"" + shown(path) + "\" is no field that can be set", ErrorKind::invalid}.with(
                "field", "update_mask");
        }
    }
    FieldMaskUtil::MergeOptions options;
    options.set_replace_message_fields(true);
    options.set_replace_repeated_fields(true);
    FieldMaskUtil::MergeMessageTo(wanted, mask, options, &domain);
    spec = TRY(from_message(domain.metadata(), domain.spec()));
    return {};
}

// Its caller's going away ends it.
class DryRun final : public grpc::ServerUnaryReactor {
public:
    std::stop_token given_up() const { return given_up_.get_token(); }
    void OnCancel() override { given_up_.request_stop(); }
    void OnDone() override { delete this; }

private:
    std::stop_source given_up_;
};
}  // namespace

v1::Domain DomainsService::describe(DomainView const& view, DomainInfo const* now) const {
    return to_message(view, edge_.engine.console_log(view), now);
}

DomainsService::Unary* DomainsService::grant(Context* context, Wish wish, std::string const& label,
                                             std::chrono::nanoseconds wait, Caller const& caller,
                                             v1::DomainOperation* response) {
    bool missing_is_fine = wish.allow_missing;
    std::string request_id = wish.request_id;
    if (wish.action == Action::create && wish.validate_only) {  // reads files, which may take long
        auto* reactor = new DryRun;
        wish.given_up = reactor->given_up();
        edge_.engine.on_trial_thread([this, reactor, response, label, caller, asked = std::move(wish)] {
            Result<Granted> granted = edge_.engine.wish(asked);
            if (granted) {
                response->mutable_operation()->set_done(true);
                *response->mutable_domain() = describe(*granted->view, nullptr);
            }
            audit(caller, label, asked.request_id, granted ? Result<>{} : Result<>{granted.error()});
            reactor->Finish(granted ? grpc::Status::OK : translate_error(granted.error(), label));
        });
        return reactor;
    }
    Result<Granted> granted = edge_.engine.wish(std::move(wish));
    audit(caller, label, request_id, granted ? Result<>{} : Result<>{granted.error()});
    if (!granted || granted->operation.empty()) {
        return answer(context, granted ? Result<>{} : Result<>{std::move(granted).error()}, label, [&] {
            response->mutable_operation()->set_done(true);
            if (granted->view) *response->mutable_domain() = describe(*granted->view, nullptr);
            else if (!missing_is_fine) response->clear_domain();
        });
    }
    auto fill = [this, response](Operation const& operation) {
        *response->mutable_operation() = to_message(operation);
        std::shared_ptr<DomainView const> view = edge_.engine.view(operation.target_uid);
        if (view) *response->mutable_domain() = describe(*view, nullptr);
    };
    return new WaitingCall{
        edge_.engine,
        {.operation = granted->operation, .label = label, .wait = wait, .cancels = true, .fails = true, .fill = fill}};
}

template <class Request>
DomainsService::Unary* DomainsService::change(Context* context, Mutator const& mutator, Request const& request,
                                              v1::DomainOperation* response,
                                              std::function<Result<>(Wish&)> const& more) {
    return mutate(edge_, context, mutator, request, more,
                  [&](Wish wish, auto const& label, auto wait, auto const& caller) {
                      return grant(context, std::move(wish), label, wait, caller, response);
                  });
}

DomainsService::Unary* DomainsService::CreateDomain(Context* context, v1::CreateDomainRequest const* request,
                                                    v1::DomainOperation* response) {
    return change(context, {Action::create, "Domains/CreateDomain", "create"}, *request, response,
                  [&](Wish& wish) -> Result<> {
                      wish.spec = TRY(from_message(request->metadata(), request->spec()));
                      wish.uid = request->metadata().uid();
                      return {};
                  });
}

DomainsService::Unary* DomainsService::UpdateDomain(Context* context, v1::UpdateDomainRequest const* request,
                                                    v1::DomainOperation* response) {
    return change(context, {Action::update, "Domains/UpdateDomain", "update"}, *request, response,
                  [&](Wish& wish) -> Result<> {
                      wish.edit = [copy = *request](DomainSpec& spec) { return apply_update(copy, spec); };
                      return {};
                  });
}

DomainsService::Unary* DomainsService::DeleteDomain(Context* context, v1::DeleteDomainRequest const* request,
                                                    v1::DomainOperation* response) {
    return change(context, {Action::remove, "Domains/DeleteDomain", "delete"}, *request, response,
                  [&](Wish& wish) -> Result<> {
                      wish.allow_missing = request->allow_missing();
                      return {};
                  });
}

DomainsService::Unary* DomainsService::StartDomain(Context* context, v1::StartDomainRequest const* request,
                                                   v1::DomainOperation* response) {
    return change(context, {Action::start, "Domains/StartDomain", "start"}, *request, response,
                  [&](Wish& wish) -> Result<> {
                      wish.paused = request->paused();
                      return {};
                  });
}

DomainsService::Unary* DomainsService::StopDomain(Context* context, v1::StopDomainRequest const* request,
                                                  v1::DomainOperation* response) {
    return change(context, {Action::stop, "Domains/StopDomain", "stop"}, *request, response,
                  [](Wish&) -> Result<> { return {}; });
}

DomainsService::Unary* DomainsService::ShutdownDomain(Context* context, v1::ShutdownDomainRequest const* request,
                                                      v1::DomainOperation* response) {
    return change(context, {Action::shutdown, "Domains/ShutdownDomain", "shutdown"}, *request, response,
                  [&](Wish& wish) { return take_grace(wish, *request); });
}

DomainsService::Unary* DomainsService::RebootDomain(Context* context, v1::RebootDomainRequest const* request,
                                                    v1::DomainOperation* response) {
    return change(context, {Action::reboot, "Domains/RebootDomain", "reboot"}, *request, response,
                  [&](Wish& wish) { return take_grace(wish, *request); });
}

DomainsService::Unary* DomainsService::RestartDomain(Context* context, v1::RestartDomainRequest const* request,
                                                     v1::DomainOperation* response) {
    return change(context, {Action::restart, "Domains/RestartDomain", "restart"}, *request, response,
                  [](Wish&) -> Result<> { return {}; });
}

DomainsService::Unary* DomainsService::PauseDomain(Context* context, v1::PauseDomainRequest const* request,
                                                   v1::DomainOperation* response) {
    return change(context, {Action::pause, "Domains/PauseDomain", "pause"}, *request, response,
                  [](Wish&) -> Result<> { return {}; });
}

DomainsService::Unary* DomainsService::UnpauseDomain(Context* context, v1::UnpauseDomainRequest const* request,
                                                     v1::DomainOperation* response) {
    return change(context, {Action::unpause, "Domains/UnpauseDomain", "unpause"}, *request, response,
                  [](Wish&) -> Result<> { return {}; });
}

DomainsService::Unary* DomainsService::GetDomain(Context* context, v1::GetDomainRequest const* request,
                                                 v1::Domain* response) {
    auto get = [&]() -> Result<> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        std::shared_ptr<DomainView const> view = TRY(edge_.engine.find(selector_of(*request)));
        std::vector<DomainInfo> all = TRY(edge_.engine.list());
        *response = describe(*view, find_info(all, *view));
        return {};
    };
    return answer(context, get(), "get " + shown(selector_of(*request).words()), [] {});
}

Result<DomainsService::Listing> DomainsService::take_listing(std::string const& token) {
    std::scoped_lock lock{mutex_};
    auto found = listings_.find(token);
    if (found == listings_.end())
        return Error{"page_token", "is none, or is no longer kept: list again", ErrorKind::too_old};
    return found->second;
}

Result<> DomainsService::list(v1::ListDomainsRequest const& request, v1::ListDomainsResponse& response) {
    if (request.page_size() < 0) {
        return Error{"page_size", "is less than 0", ErrorKind::invalid}.with("field", "page_size");
    }
    LabelSelector selector = TRY(LabelSelector::parse(request.label_selector()));
    std::vector<DomainInfo> all = TRY(edge_.engine.list());
    Listing listing;
    if (!request.page_token().empty()) {
        listing = TRY(take_listing(request.page_token()));
    } else {
        auto state = edge_.engine.domains().state();
        listing.revision = state.revision;
        for (auto& view : state.objects) {
            bool chosen =
                selector.matches(view->record.spec.labels) && (!request.has_id() || view->id() == request.id());
            if (chosen) listing.views.push_back(std::move(view));
        }
        // Domain 0 first; then by name.
        std::ranges::stable_sort(listing.views, [](auto const& a, auto const& b) {
            auto rank = [](DomainView const& view) { return std::pair{view.id() != 0, view.record.spec.name}; };
            return rank(*a) < rank(*b);
        });
    }
    response.set_revision(revision_text(listing.revision));
    int wanted = request.page_size() == 0 ? usual_page : std::min(request.page_size(), largest_page);
    std::size_t count = std::min(listing.views.size(), static_cast<std::size_t>(wanted));
    for (std::size_t i = 0; i < count; ++i)
        *response.add_domains() = describe(*listing.views[i], find_info(all, *listing.views[i]));
    listing.views.erase(listing.views.begin(), listing.views.begin() + static_cast<std::ptrdiff_t>(count));
    if (listing.views.empty()) return {};
    std::string token = to_string(random_handle());
    response.set_next_page_token(token);
    std::scoped_lock lock{mutex_};
    if (tokens_.size() == most_listings) {
        listings_.erase(tokens_.front());
        tokens_.pop_front();
    }
    tokens_.push_back(token);
    listings_.emplace(token, std::move(listing));
    return {};
}

DomainsService::Unary* DomainsService::ListDomains(Context* context, v1::ListDomainsRequest const* request,
                                                   v1::ListDomainsResponse* response) {
    Result<Caller> caller = check_call(edge_, *context, Role::viewer, *request);
    Result<> done = caller ? list(*request, *response) : Result<>{std::move(caller).error()};
    return answer(context, done, "list", [] {});
}

grpc::ServerWriteReactor<v1::WatchDomainsResponse>* DomainsService::WatchDomains(
    Context* context, v1::WatchDomainsRequest const* request) {
    using Response = v1::WatchDomainsResponse;
    Result<Caller> caller = check_call(edge_, *context, Role::viewer, *request);
    if (!caller) return new RefusedStream<Response>{translate_error(caller.error(), "watch")};
    Result<LabelSelector> selector = LabelSelector::parse(request->label_selector());
    if (!selector) return new RefusedStream<Response>{translate_error(selector.error(), "watch")};
    Selector only = selector_of(*request);
    auto translate = [this, only, chosen = *selector](Change<DomainView> const& change, Response& response) {
        Record const& record = change.object->record;
        if (!only.uid.empty() && record.uid != only.uid) return false;
        if (!only.name.empty() && record.spec.name != only.name) return false;
        bool matches = chosen.matches(record.spec.labels);
        v1::WatchType type = change.type == ChangeType::added      ? v1::WATCH_TYPE_ADDED
                             : change.type == ChangeType::modified ? v1::WATCH_TYPE_MODIFIED
                                                                   : v1::WATCH_TYPE_DELETED;
        // One that does not match may have done so before.
        if (!matches && change.type == ChangeType::added) return false;
        response.set_type(matches ? type : v1::WATCH_TYPE_DELETED);
        *response.mutable_domain() = describe(*change.object, nullptr);
        response.set_revision(revision_text(change.revision));
        return true;
    };
    auto bookmark = [](std::uint64_t revision, Response& response) {
        response.set_type(v1::WATCH_TYPE_BOOKMARK);
        response.set_revision(revision_text(revision));
    };
    return new WatchCall<DomainView, Response>{
        edge_.engine,
        edge_.engine.domains(),
        {.label = "watch", .since = request->since_revision(), .translate = translate, .bookmark = bookmark}};
}
}  // namespace paravane

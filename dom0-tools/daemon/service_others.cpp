// SPDX-License-Identifier: MIT
#include "daemon/service_others.hpp"

#include <algorithm>

#include "domain/utf8.hpp"

namespace paravane {
namespace {
constexpr std::size_t usual_operations = 100, most_operations = 1000;
constexpr std::size_t log_piece = 32768;

// Which codes may be repeated, and when: for clients that take their rules from the server.
constexpr char service_config[] =
    R"({"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":4,"initialBackoff":"0.2s","maxBackoff":"5s",)"
    R"("backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE"]}}]})";

v1::WatchType type_of(ChangeType type) {
    switch (type) {
        case ChangeType::added: return v1::WATCH_TYPE_ADDED;
        case ChangeType::modified: return v1::WATCH_TYPE_MODIFIED;
        case ChangeType::deleted: break;
    }
    return v1::WATCH_TYPE_DELETED;
}

// Pieces of a text that is there already.
class LogStream final : public grpc::ServerWriteReactor<v1::ReadHypervisorLogResponse> {
public:
    explicit LogStream(std::string text) : text_{std::move(text)} { OnWriteDone(true); }
    void OnWriteDone(bool good) override {
        if (!good || place_ == text_.size()) {
            Finish(grpc::Status::OK);
            return;
        }
        response_.set_data(text_.substr(place_, log_piece));
        place_ += response_.data().size();
        StartWrite(&response_);
    }
    void OnDone() override { delete this; }

private:
    std::string text_;
    std::size_t place_ = 0;
    v1::ReadHypervisorLogResponse response_;
};
}  // namespace

Result<Operation> OperationsService::find(std::string const& uid) const {
    std::optional<Operation> found = edge_.engine.operations().find(uid);
    if (found) return *std::move(found);
    return Error{"", "there is no such operation", ErrorKind::not_found}.with("reason", "NO_SUCH_OPERATION");
}

UnaryCall* OperationsService::GetOperation(CallContext* context, v1::GetOperationRequest const* request,
                                           v1::Operation* response) {
    auto get = [&]() -> Result<> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        *response = to_message(TRY(find(request->uid())));
        return {};
    };
    return answer(context, get(), "get operation " + shown(request->uid()), [] {});
}

UnaryCall* OperationsService::ListOperations(CallContext* context, v1::ListOperationsRequest const* request,
                                             v1::ListOperationsResponse* response) {
    auto list = [&]() -> Result<> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        auto state = edge_.engine.operations().hub().state();
        std::ranges::sort(state.objects, [](auto const& a, auto const& b) {
            return std::pair{b->created, a->uid} < std::pair{a->created, b->uid};
        });
        // A page begins behind the operation that its token names.
        auto place = state.objects.begin();
        if (!request->page_token().empty()) {
            place = std::ranges::find_if(state.objects, [&](auto const& o) { return o->uid == request->page_token(); });
            if (place == state.objects.end())
                return Error{"page_token", "is none, or is no longer kept: list again", ErrorKind::too_old};
            ++place;
        }
        response->set_revision(revision_text(state.revision));
        std::size_t wanted = request->page_size() <= 0
                                 ? usual_operations
                                 : std::min(static_cast<std::size_t>(request->page_size()), most_operations);
        for (; place != state.objects.end(); ++place) {
            Operation const& operation = **place;
            if (request->pending_only() && operation.done) continue;
            if (!request->target_uid().empty() && operation.target_uid != request->target_uid()) continue;
            if (static_cast<std::size_t>(response->operations_size()) == wanted) {
                response->set_next_page_token(response->operations(response->operations_size() - 1).uid());
                break;
            }
            *response->add_operations() = to_message(operation);
        }
        return {};
    };
    return answer(context, list(), "list operations", [] {});
}

grpc::ServerWriteReactor<v1::WatchOperationsResponse>* OperationsService::WatchOperations(
    CallContext* context, v1::WatchOperationsRequest const* request) {
    using Response = v1::WatchOperationsResponse;
    Result<Caller> caller = check_call(edge_, *context, Role::viewer, *request);
    if (!caller) return new RefusedStream<Response>{translate_error(caller.error(), "watch operations")};
    auto translate = [target = request->target_uid()](Change<Operation> const& change, Response& response) {
        if (!target.empty() && change.object->target_uid != target) return false;
        response.set_type(type_of(change.type));
        *response.mutable_operation() = to_message(*change.object);
        response.set_revision(revision_text(change.revision));
        return true;
    };
    auto bookmark = [](std::uint64_t revision, Response& response) {
        response.set_type(v1::WATCH_TYPE_BOOKMARK);
        response.set_revision(revision_text(revision));
    };
    return new WatchCall<Operation, Response>{edge_.engine,
                                              edge_.engine.operations().hub(),
                                              {.label = "watch operations",
                                               .since = request->since_revision(),
                                               .translate = translate,
                                               .bookmark = bookmark}};
}

UnaryCall* OperationsService::WaitOperation(CallContext* context, v1::WaitOperationRequest const* request,
                                            v1::Operation* response) {
    std::string label = "wait for operation " + shown(request->uid());
    std::chrono::nanoseconds wait = std::chrono::hours{24};
    auto prepare = [&]() -> Result<> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        TRY(find(request->uid()));
        if (request->has_timeout()) wait = TRY(from_message(request->timeout(), "timeout"));
        return {};
    };
    Result<> prepared = prepare();
    if (!prepared) return answer(context, prepared, label, [] {});
    return new WaitingCall{
        edge_.engine,
        {.operation = request->uid(), .label = label, .wait = wait, .fill = [response](Operation const& o) {
             *response = to_message(o);
         }}};
}

UnaryCall* OperationsService::CancelOperation(CallContext* context, v1::CancelOperationRequest const* request,
                                              v1::Operation* response) {
    std::string label = "cancel operation " + shown(request->uid());
    Result<Caller> caller = check_call(edge_, *context, Role::operator_, *request);
    auto cancel = [&]() -> Result<> {
        TRY(edge_.engine.cancel(request->uid()));
        *response = to_message(TRY(find(request->uid())));
        return {};
    };
    Result<> done = caller ? cancel() : Result<>{caller.error()};
    if (caller) audit(*caller, label, "", done);
    return answer(context, done, label, [] {});
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* EventsService::WatchEvents(CallContext* context,
                                                                              v1::WatchEventsRequest const* request) {
    using Response = v1::WatchEventsResponse;
    Result<Caller> caller = check_call(edge_, *context, Role::viewer, *request);
    if (!caller) return new RefusedStream<Response>{translate_error(caller.error(), "events")};
    Hub<Event>& hub = edge_.engine.events();
    std::string since = request->since_revision();
    WallTime from{};
    if (request->has_since_time()) {
        from = WallTime{std::chrono::seconds{request->since_time().seconds()} +
                        std::chrono::nanoseconds{request->since_time().nanos()}};
        if (since.empty()) since = revision_text(hub.oldest());
    }
    Selector only = selector_of(*request);
    auto translate = [only, from](Change<Event> const& change, Response& response) {
        Event const& event = *change.object;
        if (event.time < from || (!only.uid.empty() && event.uid != only.uid) ||
            (!only.name.empty() && event.name != only.name))
            return false;
        *response.mutable_event() = to_message(event);
        return true;
    };
    auto bookmark = [](std::uint64_t revision, Response& response) { response.set_bookmark(revision_text(revision)); };
    std::function<bool()> over;
    if (!request->follow()) over = [] { return true; };
    return new WatchCall<Event, Response>{
        edge_.engine,
        hub,
        {.label = "events", .since = since, .translate = translate, .bookmark = bookmark, .over = over}};
}

UnaryCall* HostService::GetHost(CallContext* context, v1::GetHostRequest const* request, v1::HostInfo* response) {
    auto get = [&]() -> Result<> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        *response = to_message(TRY(edge_.engine.host()));
        response->set_hypervisor_answers(true);
        response->set_store_answers(edge_.engine.store().answers());
        *response->mutable_daemon_start_time() = to_message(started_);
        response->set_service_config(service_config);
        return {};
    };
    return answer(context, get(), "info", [] {});
}

grpc::ServerWriteReactor<v1::ReadHypervisorLogResponse>* HostService::ReadHypervisorLog(
    CallContext* context, v1::ReadHypervisorLogRequest const* request) {
    Role needed = request->clear() ? Role::admin : Role::viewer;
    Result<Caller> caller = check_call(edge_, *context, needed, *request);
    Result<std::string> log =
        caller ? edge_.engine.hypervisor_log(request->clear()) : Result<std::string>{std::move(caller).error()};
    if (!log) return new RefusedStream<v1::ReadHypervisorLogResponse>{translate_error(log.error(), "dmesg")};
    std::erase(*log, '\r');
    return new LogStream{make_printable(*log, true)};  // guests can write to it
}

// On a thread that may wait for the store.
UnaryCall* StoreService::run(CallContext* context, google::protobuf::Message const& request, char const* verb,
                             std::string const& path, bool changes, std::function<Result<>(XenstoreClient&)> work) {
    std::string label = std::string{verb} + " " + shown(path);
    Result<Caller> caller = check_call(edge_, *context, Role::admin, request);
    bool good = path.starts_with('/') && path.size() <= 3072 && is_printable(path);
    Result<> checked = caller ? Result<>{} : Result<>{caller.error()};
    if (checked && !good) {
        checked = Error{"path", "is not an absolute path of at most 3072 characters", ErrorKind::invalid}.with("field",
                                                                                                               "path");
    }
    if (!checked) return answer(context, checked, label, [] {});
    UnaryCall* reactor = context->DefaultReactor();
    edge_.engine.on_store_thread([this, reactor, label, changes, who = *caller, todo = std::move(work)] {
        Result<> done = edge_.engine.store().with_client(todo);
        if (!done && done.error().kind == ErrorKind::not_found) done.error().facts["reason"] = "NO_SUCH_NODE";
        if (changes) audit(who, label, "", done);
        reactor->Finish(done ? grpc::Status::OK : translate_error(done.error(), label));
    });
    return reactor;
}

UnaryCall* StoreService::ReadNode(CallContext* context, v1::ReadNodeRequest const* request,
                                  v1::ReadNodeResponse* response) {
    return run(context, *request, "read", request->path(), false,
               [path = request->path(), response](XenstoreClient& store) -> Result<> {
                   response->set_value(TRY(store.read(path)));
                   return {};
               });
}

UnaryCall* StoreService::ListNodes(CallContext* context, v1::ListNodesRequest const* request,
                                   v1::ListNodesResponse* response) {
    return run(context, *request, "list", request->path(), false,
               [path = request->path(), response](XenstoreClient& store) -> Result<> {
                   for (std::string const& name : TRY(store.list(path))) response->add_names(make_printable(name));
                   return {};
               });
}

UnaryCall* StoreService::WriteNode(CallContext* context, v1::WriteNodeRequest const* request, v1::WriteNodeResponse*) {
    return run(
        context, *request, "write", request->path(), true,
        [path = request->path(), value = request->value()](XenstoreClient& store) { return store.write(path, value); });
}

UnaryCall* StoreService::RemoveNode(CallContext* context, v1::RemoveNodeRequest const* request,
                                    v1::RemoveNodeResponse*) {
    return run(context, *request, "remove", request->path(), true,
               [path = request->path()](XenstoreClient& store) { return store.remove(path); });
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// What the services have in common: who may call, and calls that wait without a thread.
#pragma once
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/engine.hpp"
#include "daemon/peers.hpp"
#include "daemon/translate.hpp"

namespace paravane {
struct Edge {
    Engine& engine;
    Peers const& peers;
};

// The caller of a call that needs a role.
Result<Caller> need_role(Edge const& edge, grpc::CallbackServerContext& context, Role role);
// That, and no field that we do not know.
Result<Caller> check_call(Edge const& edge, grpc::CallbackServerContext& context, Role role,
                          google::protobuf::Message const& request);
// One line a mutation.
void audit(Caller const& caller, std::string const& label, std::string const& request_id, Result<> const& result);
// The status of a call that is cut off: by its client, or because paravaned ends.
grpc::Status cut_off(Engine const& engine, std::string const& label);
// What a name from outside is in messages: bounded, and in one line.
std::string shown(std::string const& name);

template <class Request>
Selector selector_of(Request const& request) {
    Selector selector;
    if (request.has_uid()) selector.uid = request.uid();
    else selector.name = request.name();
    return selector;
}

// Of what was asked for, not of how long the caller would wait.
template <class Request>
std::string digest_of(Request request) {
    constexpr std::uint64_t seed = 0xcbf29ce484222325, prime = 0x100000001b3;
    request.mutable_mutation()->clear_wait();
    std::uint64_t sum = seed;
    for (char c : request.SerializeAsString()) sum = (sum ^ static_cast<unsigned char>(c)) * prime;
    return std::to_string(sum);
}
std::string traceparent_of(grpc::CallbackServerContext const& context);

// Answers at once.
template <class Answer>
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, Result<> const& result, std::string const& label,
                                 Answer fill) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (result) fill();
    reactor->Finish(result ? grpc::Status::OK : translate_error(result.error(), label));
    return reactor;
}

// Answers when an operation is done, after `wait`, or when the call is cancelled.
class WaitingCall final : public grpc::ServerUnaryReactor {
public:
    struct Plan {
        std::string operation, label;
        std::chrono::nanoseconds wait{};
        bool cancels = false;                        // the operation goes with the call
        bool fails = false;                          // the operation's error is the call's
        std::function<void(Operation const&)> fill;  // the response
    };

    WaitingCall(Engine& engine, Plan plan);

    void OnCancel() override;
    void OnDone() override;

private:
    struct State {
        std::mutex mutex;
        WaitingCall* call = nullptr;  // null: it has been answered
        Plan plan;
    };
    static void answer(std::shared_ptr<State> const& state, Operation const& operation);

    Engine& engine_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
    std::string operation_;
    bool cancels_;
    std::uint64_t waiter_ = 0, timer_ = 0;
};

// A call for a change: what it is called, in the API and by people.
struct Mutator {
    Action action;
    char const *method, *verb;
};

// `more` adds to the wish what is particular, `grant` has it done: (Wish, label, wait, Caller).
template <class Request, class Grant>
grpc::ServerUnaryReactor* mutate(Edge const& edge, grpc::CallbackServerContext* context, Mutator const& mutator,
                                 Request const& request, std::function<Result<>(Wish&)> const& more, Grant grant) {
    Wish wish{.action = mutator.action, .target = {}, .method = std::string{"paravane.v1."} + mutator.method};
    v1::Mutation const& mutation = request.mutation();
    Result<Caller> caller = check_call(edge, *context, Role::operator_, request);
    std::chrono::nanoseconds wait{};
    auto prepare = [&]() -> Result<> {
        if (!caller) return caller.error();
        wait = TRY(from_message(mutation.wait(), "mutation.wait"));
        return more(wish);
    };
    if constexpr (requires { request.has_uid(); }) wish.target = selector_of(request);
    else wish.target.name = request.metadata().name();
    std::string label = std::string{mutator.verb} + " " + shown(wish.target.words());
    if (wish.target.words().empty()) label = mutator.verb;
    Result<> prepared = prepare();
    if (!prepared) return answer(context, prepared, label, [] {});
    wish.request_id = mutation.request_id();
    wish.digest = digest_of(request);
    wish.etag = mutation.etag();
    wish.manager = mutation.manager();
    wish.override_manager = mutation.override_manager();
    wish.validate_only = mutation.validate_only();
    wish.caller = caller->words;
    wish.traceparent = traceparent_of(*context);
    return grant(std::move(wish), label, wait, *caller);
}

// How long a guest is given that is asked for something.
template <class Request>
Result<> take_grace(Wish& wish, Request const& request) {
    constexpr auto usual_grace = std::chrono::seconds{60};
    wish.force = request.force();
    wish.grace = request.has_grace() ? TRY(from_message(request.grace(), "grace")) : usual_grace;
    return {};
}

// A stream of changes: from a revision on, or the present state first. `Response` is made by `translate`, which may
// leave a change out. A bookmark follows the present state, and comes whenever nothing else does for a while.
template <class T, class Response>
class WatchCall final : public grpc::ServerWriteReactor<Response> {
public:
    struct Plan {
        std::string label;
        std::string since;
        bool present = true;  // without `since`: the present state first
        std::function<bool(Change<T> const&, Response&)> translate;
        std::function<void(std::uint64_t revision, Response&)> bookmark;
        std::function<bool()> over = nullptr;  // nothing more is to come
    };

    WatchCall(Engine& engine, Hub<T>& hub, Plan plan) : engine_{engine}, hub_{hub}, plan_{std::move(plan)} {
        Result<> begun = begin();
        std::scoped_lock lock{mutex_};
        if (!begun) {
            finish(translate_error(begun.error(), plan_.label));
            return;
        }
        this->StartSendInitialMetadata();
        listener_ = hub_.subscribe([this] { poke(); });
        next();
    }

    void OnWriteDone(bool good) override {
        std::scoped_lock lock{mutex_};
        writing_ = false;
        if (good) next();
        else finish({grpc::StatusCode::CANCELLED, plan_.label + ": the client went"});
    }
    void OnCancel() override {
        std::scoped_lock lock{mutex_};
        finish(cut_off(engine_, plan_.label));
    }
    void OnDone() override {
        if (listener_ != 0) hub_.unsubscribe(listener_);
        delete this;
    }

private:
    static constexpr std::size_t batch = 64;
    static constexpr auto bookmark_every = std::chrono::seconds{15};

    Result<> begin() {
        if (!plan_.since.empty()) {
            place_ = TRY(parse_revision(plan_.since));
            if (!hub_.after(place_, 1)) return revision_too_old();
            return {};
        }
        auto state = hub_.state();
        place_ = state.revision;
        if (plan_.present) {
            for (auto& object : state.objects) queue_.push_back({state.revision, ChangeType::added, std::move(object)});
        }
        must_mark_ = true;
        return {};
    }

    void poke() {
        std::scoped_lock lock{mutex_};
        next();
    }

    // Writes the next thing there is to say, if nothing is being written. The lock is held.
    void next() {
        while (!writing_ && !finished_) {
            if (engine_.is_ending()) return finish(cut_off(engine_, plan_.label));
            if (queue_.empty() && !must_mark_) {
                auto more = hub_.after(place_, batch);
                if (!more) return finish(translate_error(revision_too_old(), plan_.label));
                for (auto& change : *more) queue_.push_back(std::move(change));
                if (!more->empty()) place_ = more->back().revision;
            }
            response_.Clear();
            if (!queue_.empty()) {
                Change<T> change = std::move(queue_.front());
                queue_.pop_front();
                if (!plan_.translate(change, response_)) continue;
            } else if (must_mark_ || std::chrono::steady_clock::now() - last_ > bookmark_every) {
                must_mark_ = false;
                plan_.bookmark(place_, response_);
            } else {
                if (plan_.over && plan_.over()) finish(grpc::Status::OK);
                return;
            }
            last_ = std::chrono::steady_clock::now();
            writing_ = true;
            this->StartWrite(&response_);
        }
    }

    void finish(grpc::Status status) {
        if (std::exchange(finished_, true)) return;
        this->Finish(std::move(status));
    }

    Engine& engine_;
    Hub<T>& hub_;
    Plan plan_;
    std::mutex mutex_;
    std::uint64_t listener_ = 0;
    std::uint64_t place_ = 0;
    std::deque<Change<T>> queue_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    bool must_mark_ = false, writing_ = false, finished_ = false;
    Response response_;
};

// A stream that is refused.
template <class Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
public:
    explicit RefusedStream(grpc::Status status) { this->Finish(std::move(status)); }
    void OnDone() override { delete this; }
};
}  // namespace paravane

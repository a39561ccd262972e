// SPDX-License-Identifier: MIT
#include "daemon/service_calls.hpp"

#include "domain/utf8.hpp"
#include "os/log.hpp"

namespace paravane {
std::string shown(std::string const& name) {
    constexpr std::size_t longest = 63;
    std::string text = name.size() > longest ? name.substr(0, longest) + "..." : name;
    return is_printable(text) ? text : make_printable(text);
}

std::string traceparent_of(grpc::CallbackServerContext const& context) {
    auto found = context.client_metadata().find("traceparent");
    if (found == context.client_metadata().end() || found->second.size() > 64) return "";
    return make_printable({found->second.data(), found->second.size()});
}

Result<Caller> need_role(Edge const& edge, grpc::CallbackServerContext& context, Role role) {
    Caller caller = edge.peers.caller(context);
    if (caller.role >= role) return caller;
    return Error{"", caller.words + " does not have the role that this needs", ErrorKind::denied};
}

Result<Caller> check_call(Edge const& edge, grpc::CallbackServerContext& context, Role role,
                          google::protobuf::Message const& request) {
    Caller caller = TRY(need_role(edge, context, role));
    std::string unknown = unknown_field(request);
    if (unknown.empty()) return caller;
    return Error{"", "the request has a field that is not known: " + unknown, ErrorKind::invalid}
        .with("reason", "FIELD_UNKNOWN")
        .with("field", unknown);
}

void audit(Caller const& caller, std::string const& label, std::string const& request_id, Result<> const& result) {
    std::string line = "audit: " + caller.words + ": " + label;
    if (!request_id.empty()) line += ", request " + shown(request_id);
    line += result ? ": granted" : ": refused: " + result.error().message();
    log::info(make_printable(line));
}

grpc::Status cut_off(Engine const& engine, std::string const& label) {
    if (!engine.is_ending()) return translate_error(Error{"", "cancelled", ErrorKind::cancelled}, label);
    return translate_error(Error{"", "paravaned ends", ErrorKind::unavailable}.with("reason", "DAEMON_ENDS"), label);
}

WaitingCall::WaitingCall(Engine& engine, Plan plan)
    : engine_{engine}, operation_{plan.operation}, cancels_{plan.cancels} {
    std::chrono::nanoseconds wait = plan.wait;
    state_->call = this;
    state_->plan = std::move(plan);
    // What is called later finds the state, and there whether the call still waits.
    std::shared_ptr<State> state = state_;
    std::string operation = operation_;
    if (wait > std::chrono::nanoseconds{0}) {
        waiter_ = engine_.operations().when_done(operation,
                                                 [state](Operation const& done) { WaitingCall::answer(state, done); });
    }
    auto answer_now = [weak = std::weak_ptr{state}, operation, &engine = engine_] {
        std::shared_ptr<State> waiting = weak.lock();
        std::optional<Operation> now = waiting ? engine.operations().find(operation) : std::nullopt;
        if (now) WaitingCall::answer(waiting, *now);
    };
    if (wait > std::chrono::nanoseconds{0}) timer_ = engine_.later(wait, answer_now);
    else answer_now();
}

void WaitingCall::answer(std::shared_ptr<State> const& state, Operation const& operation) {
    std::scoped_lock lock{state->mutex};
    if (state->call == nullptr) return;
    WaitingCall& call = *std::exchange(state->call, nullptr);
    Plan const& plan = state->plan;
    if (operation.done && operation.error && plan.fails) {
        call.Finish(translate_error(*operation.error, plan.label));
        return;
    }
    plan.fill(operation);
    call.Finish(grpc::Status::OK);
}

void WaitingCall::OnCancel() {
    {
        std::scoped_lock lock{state_->mutex};
        if (state_->call == nullptr) return;
    }
    if (cancels_ && !engine_.is_ending()) {
        Result<> cancelled = engine_.cancel(operation_);
        if (!cancelled) log::info("operation " + operation_ + " goes on: " + cancelled.error().message());
    }
    std::scoped_lock lock{state_->mutex};
    if (state_->call == nullptr) return;
    std::exchange(state_->call, nullptr)->Finish(cut_off(engine_, state_->plan.label));
}

void WaitingCall::OnDone() {
    engine_.operations().forget_waiter(operation_, waiter_);
    engine_.not_later(timer_);
    delete this;
}
}  // namespace paravane

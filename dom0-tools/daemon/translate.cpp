// SPDX-License-Identifier: MIT
#include "daemon/translate.hpp"

#include "daemon/conditions.hpp"
#include "domain/utf8.hpp"
#include "domain/uuid.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
constexpr std::uint64_t page_bytes = 4096;

std::string const& epoch() {
    static std::string const text = to_string(random_handle()).substr(0, 8);
    return text;
}

v1::EndReason to_message(EndReason reason) {
    switch (reason) {
        case EndReason::none: return v1::END_REASON_UNSPECIFIED;
        case EndReason::poweroff: return v1::END_REASON_POWEROFF;
        case EndReason::reboot: return v1::END_REASON_REBOOT;
        case EndReason::suspend: return v1::END_REASON_SUSPEND;
        case EndReason::crash: return v1::END_REASON_CRASH;
        case EndReason::watchdog: return v1::END_REASON_WATCHDOG;
        case EndReason::soft_reset: return v1::END_REASON_SOFT_RESET;
        case EndReason::stopped: return v1::END_REASON_STOPPED;
        case EndReason::vanished: break;
    }
    return v1::END_REASON_VANISHED;
}

v1::EventKind to_message(EventKind kind) {
    switch (kind) {
        case EventKind::created: return v1::EVENT_KIND_CREATED;
        case EventKind::started: return v1::EVENT_KIND_STARTED;
        case EventKind::paused: return v1::EVENT_KIND_PAUSED;
        case EventKind::unpaused: return v1::EVENT_KIND_UNPAUSED;
        case EventKind::shutdown: return v1::EVENT_KIND_SHUTDOWN;
        case EventKind::reboot: return v1::EVENT_KIND_REBOOT;
        case EventKind::crashed: return v1::EVENT_KIND_CRASHED;
        case EventKind::stopped: return v1::EVENT_KIND_STOPPED;
        case EventKind::deleted: return v1::EVENT_KIND_DELETED;
        case EventKind::failed: return v1::EVENT_KIND_FAILED;
        case EventKind::updated: return v1::EVENT_KIND_UPDATED;
        case EventKind::held: return v1::EVENT_KIND_HELD;
        case EventKind::backend: break;
    }
    return v1::EVENT_KIND_BACKEND;
}

v1::DomainPhase phase_of_end(ShutdownReason reason) {
    bool by_itself =
        reason == ShutdownReason::poweroff || reason == ShutdownReason::reboot || reason == ShutdownReason::suspend;
    return by_itself ? v1::DOMAIN_PHASE_ENDED : v1::DOMAIN_PHASE_CRASHED;
}

void add_conditions(v1::DomainStatus& status, DomainView const& view) {
    for (Condition const& each : conditions_of(view.record, view.managed, view.guest)) {
        v1::Condition& condition = *status.add_conditions();
        condition.set_type(each.type);
        condition.set_status(each.value ? v1::Condition::STATUS_TRUE : v1::Condition::STATUS_FALSE);
        condition.set_reason(each.reason);
        condition.set_message(make_printable(each.message));
        // What has changed since the engine looked changed just now.
        auto const noted = view.record.conditions.find(each.type);
        bool const known = noted != view.record.conditions.end() && noted->second.value == each.value;
        *condition.mutable_last_transition_time() = paravane::to_message(known ? noted->second.time : wall_now());
    }
}
}  // namespace

std::string revision_text(std::uint64_t revision) { return epoch() + "-" + std::to_string(revision); }

Error revision_too_old() {
    return Error{"", "what followed that revision is no longer kept: list again", ErrorKind::too_old};
}

Result<std::uint64_t> parse_revision(std::string const& text) {
    std::optional<std::uint64_t> number;
    if (text.starts_with(epoch() + "-")) number = hv::parse_decimal<std::uint64_t>(text.substr(epoch().size() + 1));
    if (!number) return revision_too_old();
    return *number;
}

v1::DomainPhase phase_of(DomainView const& view) {
    Record const& record = view.record;
    bool failed = !record.failure.empty();
    if (view.guest && view.guest->dying) return v1::DOMAIN_PHASE_DYING;
    switch (record.phase) {
        case Phase::none: return record.wants_guest() ? v1::DOMAIN_PHASE_PENDING : v1::DOMAIN_PHASE_STOPPED;
        case Phase::building: return failed ? v1::DOMAIN_PHASE_FAILED : v1::DOMAIN_PHASE_BUILDING;
        case Phase::ready: return v1::DOMAIN_PHASE_PAUSED;
        case Phase::kept: return view.guest ? phase_of_end(view.guest->reason) : v1::DOMAIN_PHASE_ENDED;
        case Phase::leaving:
        case Phase::ending: return v1::DOMAIN_PHASE_DYING;
        case Phase::started: break;
    }
    if (view.guest && view.guest->shutdown) return phase_of_end(view.guest->reason);
    return view.guest && view.guest->paused ? v1::DOMAIN_PHASE_PAUSED : v1::DOMAIN_PHASE_RUNNING;
}

v1::Domain to_message(DomainView const& given, std::string const& console_log, DomainInfo const* now) {
    DomainView view = given;
    if (now != nullptr) view.guest = seen_guest(*now);
    Record const& record = view.record;
    v1::Domain message;
    v1::Metadata& metadata = *message.mutable_metadata();
    if (view.managed) fill_message(metadata, *message.mutable_spec(), record.spec);
    metadata.set_name(record.spec.name);
    metadata.set_uid(record.uid);
    if (view.managed) {
        *metadata.mutable_create_time() = to_message(record.created);
        *metadata.mutable_update_time() = to_message(record.updated);
        metadata.set_generation(record.generation);
        metadata.set_etag(record.etag());
    }
    metadata.set_revision(revision_text(view.revision));
    v1::DomainStatus& status = *message.mutable_status();
    status.set_phase(phase_of(view));
    if (std::optional<std::uint16_t> id = view.id()) status.set_id(*id);
    if (view.managed && record.phase != Phase::building) status.set_observed_generation(record.generation);
    if (view.guest) status.set_memory(view.guest->pages * page_bytes);
    if (now != nullptr) {
        status.set_blocked(now->blocked && !now->running);
        status.set_vcpus(now->online_vcpus);
        *status.mutable_cpu_time() = to_message(std::chrono::nanoseconds{now->cpu_time_ns});
    }
    if (record.started != WallTime{}) *status.mutable_start_time() = to_message(record.started);
    status.set_restarts(record.starts == 0 ? 0 : record.starts - 1);
    if (record.last_end.reason != EndReason::none) {
        v1::GuestEnd& end = *status.mutable_last_end();
        end.set_reason(to_message(record.last_end.reason));
        end.set_action(to_message(record.last_end.action));
        *end.mutable_time() = to_message(record.last_end.time);
        end.set_id(record.last_end.id);
    }
    bool waits = !record.has_guest() && record.wants_guest() && record.not_before != WallTime{};
    if (waits) *status.mutable_next_start_time() = to_message(record.not_before);
    if (view.managed) status.set_console_log(console_log);
    add_conditions(status, view);
    return message;
}

v1::Operation to_message(Operation const& operation) {
    v1::Operation message;
    message.set_uid(operation.uid);
    message.set_method(operation.method);
    message.set_target_kind("domain");
    message.set_target_uid(operation.target_uid);
    message.set_target_name(operation.target_name);
    message.set_request_id(operation.request_id);
    message.set_caller(operation.caller);
    message.set_traceparent(operation.traceparent);
    *message.mutable_create_time() = to_message(operation.created);
    message.set_done(operation.done);
    if (operation.done) *message.mutable_end_time() = to_message(operation.ended);
    if (operation.error) {
        std::string label = operation.method + " " + operation.target_name;
        message.mutable_error()->ParseFromString(translate_error(*operation.error, label).error_details());
    }
    message.set_step(make_printable(operation.step));
    message.set_cancellable(operation.cancellable);
    message.set_cancel_requested(operation.cancel_requested);
    return message;
}

v1::Event to_message(Event const& event) {
    v1::Event message;
    message.set_revision(revision_text(event.revision));
    *message.mutable_time() = to_message(event.time);
    message.set_kind(to_message(event.kind));
    message.set_domain_uid(event.uid);
    message.set_domain_name(event.name);
    if (event.id) message.set_id(*event.id);
    message.set_reason(event.reason);
    message.set_message(make_printable(event.message));
    return message;
}

v1::HostInfo to_message(Host const& host) {
    v1::HostInfo message;
    message.set_hypervisor_version(make_printable(host.version.version));
    message.set_capabilities(make_printable(host.version.capabilities));
    message.set_changeset(make_printable(host.version.changeset));
    message.set_cpus(host.machine.cpus);
    message.set_cpu_hz(std::uint64_t{host.machine.cpu_khz} * 1000);
    message.set_memory_total(host.machine.total_pages * page_bytes);
    message.set_memory_free(host.machine.free_pages * page_bytes);
    message.set_memory_claimed(host.claimed);
    message.set_domains(static_cast<std::uint32_t>(host.domains));
    message.set_daemon_version(PARAVANE_VERSION);
    for (char const* feature : {"device/block", "device/console", "end-action/destroy", "end-action/restart",
                                "end-action/preserve", "end-action/rename-restart", "store"})
        message.add_features(feature);
    return message;
}
}  // namespace paravane

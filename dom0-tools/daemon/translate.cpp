// SPDX-License-Identifier: MIT
#include "daemon/translate.hpp"

namespace paravane {
namespace {
constexpr std::uint64_t page_bytes = 4096;

grpc::StatusCode status_code(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::invalid: return grpc::StatusCode::INVALID_ARGUMENT;
        case ErrorKind::not_found: return grpc::StatusCode::NOT_FOUND;
        case ErrorKind::exists: return grpc::StatusCode::ALREADY_EXISTS;
        case ErrorKind::precondition: return grpc::StatusCode::FAILED_PRECONDITION;
        case ErrorKind::exhausted: return grpc::StatusCode::RESOURCE_EXHAUSTED;
        case ErrorKind::timed_out: return grpc::StatusCode::DEADLINE_EXCEEDED;
        case ErrorKind::unavailable: return grpc::StatusCode::UNAVAILABLE;
        case ErrorKind::internal: break;
    }
    return grpc::StatusCode::INTERNAL;
}

v1::EventKind to_message(EventKind kind) {
    switch (kind) {
        case EventKind::created: return v1::EVENT_KIND_CREATED;
        case EventKind::paused: return v1::EVENT_KIND_PAUSED;
        case EventKind::unpaused: return v1::EVENT_KIND_UNPAUSED;
        case EventKind::shutdown: return v1::EVENT_KIND_SHUTDOWN;
        case EventKind::reboot: return v1::EVENT_KIND_REBOOT;
        case EventKind::crashed: return v1::EVENT_KIND_CRASHED;
        case EventKind::destroyed: return v1::EVENT_KIND_DESTROYED;
        case EventKind::failed: return v1::EVENT_KIND_FAILED;
    }
    return v1::EVENT_KIND_UNSPECIFIED;
}
}  // namespace

v1::DomainState to_message(DomainInfo const& info) {
    if (info.dying) return v1::DOMAIN_STATE_DYING;
    if (info.shutdown) {
        bool by_itself = info.reason == ShutdownReason::poweroff || info.reason == ShutdownReason::reboot ||
                         info.reason == ShutdownReason::suspend;
        return by_itself ? v1::DOMAIN_STATE_SHUTDOWN : v1::DOMAIN_STATE_CRASHED;
    }
    if (info.paused) return v1::DOMAIN_STATE_PAUSED;
    return info.blocked && !info.running ? v1::DOMAIN_STATE_BLOCKED : v1::DOMAIN_STATE_RUNNING;
}

v1::Domain to_message(Domain const& domain) {
    v1::Domain message;
    message.set_id(domain.id);
    message.set_name(domain.name);
    if (domain.info) {
        message.set_uuid(to_string(domain.info->handle));
        message.set_state(to_message(*domain.info));
        message.set_memory(domain.info->pages * page_bytes);
        message.set_vcpus(domain.info->online_vcpus);
        message.set_cpu_time_ns(domain.info->cpu_time_ns);
    }
    if (domain.spec) *message.mutable_spec() = to_message(*domain.spec);
    message.set_console_log(domain.console_log);
    return message;
}

v1::HostInfo to_message(Host const& host) {
    v1::HostInfo message;
    message.set_hypervisor_version(host.version.version);
    message.set_capabilities(host.version.capabilities);
    message.set_changeset(host.version.changeset);
    message.set_cpus(host.machine.cpus);
    message.set_cpu_khz(host.machine.cpu_khz);
    message.set_memory_total(host.machine.total_pages * page_bytes);
    message.set_memory_free(host.machine.free_pages * page_bytes);
    message.set_domains(static_cast<std::uint32_t>(host.domains));
    message.set_daemon_version(PARAVANE_VERSION);
    return message;
}

v1::Event to_message(Event const& event) {
    v1::Event message;
    message.set_revision(event.revision);
    auto since_1970 = event.time.time_since_epoch();
    message.set_time_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count());
    message.set_kind(to_message(event.kind));
    message.set_id(event.id);
    message.set_name(event.name);
    message.set_detail(event.detail);
    message.set_lost(event.lost);
    return message;
}

grpc::Status translate_error(Error const& error, std::string const& operation) {
    std::string message = error.message();
    if (!message.starts_with(operation)) message = operation + ": " + message;
    return {status_code(error.kind), message};
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/translate.hpp"

#include "daemon/domain_nodes.hpp"

namespace paravane {
namespace {
constexpr std::uint64_t page_bytes = 4096;

grpc::StatusCode status_code(int code) {
    switch (code) {
        case EINVAL: return grpc::StatusCode::INVALID_ARGUMENT;
        case ENOENT:
        case ESRCH: return grpc::StatusCode::NOT_FOUND;
        case EEXIST: return grpc::StatusCode::ALREADY_EXISTS;
        case ENOEXEC:
        case EBUSY: return grpc::StatusCode::FAILED_PRECONDITION;
        case ENOMEM: return grpc::StatusCode::RESOURCE_EXHAUSTED;
        case ETIMEDOUT: return grpc::StatusCode::DEADLINE_EXCEEDED;
        case ECONNREFUSED:
        case ECONNRESET: return grpc::StatusCode::UNAVAILABLE;
        default: return grpc::StatusCode::INTERNAL;
    }
}
}  // namespace

v1::DomainState translate_state(DomainInfo const& info) {
    if (info.dying) return v1::DOMAIN_STATE_DYING;
    if (info.shutdown) {
        bool by_itself = info.reason == ShutdownReason::poweroff || info.reason == ShutdownReason::reboot ||
                         info.reason == ShutdownReason::suspend;
        return by_itself ? v1::DOMAIN_STATE_SHUTDOWN : v1::DOMAIN_STATE_CRASHED;
    }
    if (info.paused) return v1::DOMAIN_STATE_PAUSED;
    return info.blocked && !info.running ? v1::DOMAIN_STATE_BLOCKED : v1::DOMAIN_STATE_RUNNING;
}

v1::Domain translate_domain(DomainInfo const& info, std::string const& name) {
    v1::Domain domain;
    domain.set_id(info.id);
    domain.set_name(name);
    domain.set_uuid(to_string(info.handle));
    domain.set_state(translate_state(info));
    domain.set_memory(info.pages * page_bytes);
    domain.set_vcpus(info.online_vcpus);
    domain.set_cpu_time_ns(info.cpu_time_ns);
    return domain;
}

v1::HostInfo translate_host(HostFacts const& facts, std::size_t domains) {
    v1::HostInfo host;
    host.set_hypervisor_version(facts.version);
    host.set_capabilities(facts.capabilities);
    host.set_changeset(facts.changeset);
    host.set_cpus(facts.cpus);
    host.set_cpu_khz(facts.cpu_khz);
    host.set_memory_total(facts.total_pages * page_bytes);
    host.set_memory_free(facts.free_pages * page_bytes);
    host.set_domains(static_cast<std::uint32_t>(domains));
    host.set_daemon_version(PARAVANE_VERSION);
    return host;
}

grpc::Status translate_error(Error const& error, std::string const& operation) {
    std::string message = error.message();
    if (!message.starts_with(operation)) message = operation + ": " + message;
    return {status_code(error.code), message};
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/service.hpp"

#include "daemon/console_relay.hpp"
#include "daemon/translate.hpp"
#include "os/unix_socket.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;

constexpr auto look_at_client = 250ms;

template <class T, class Message>
grpc::Status answer(Result<T> const& result, Message* response, std::string const& operation) {
    if (!result) return translate_error(result.error(), operation);
    *response = to_message(*result);
    return grpc::Status::OK;
}

grpc::Status answer_end(Result<bool> ended, v1::ShutdownResponse* response, std::string const& operation) {
    if (!ended) return translate_error(ended.error(), operation);
    response->set_ended(*ended);
    return grpc::Status::OK;
}
}  // namespace

grpc::Status HypervisorService::CreateDomain(grpc::ServerContext*, v1::CreateDomainRequest const* request,
                                             v1::Domain* response) {
    std::string const& name = request->spec().name();
    Result<DomainSpec> spec = from_message(request->spec());
    if (!spec) return translate_error(spec.error(), name.empty() ? "create" : "create " + name);
    return answer(manager_.create(*spec, request->paused()), response, "create");
}

grpc::Status HypervisorService::GetDomain(grpc::ServerContext*, v1::DomainRef const* request, v1::Domain* response) {
    return answer(manager_.get(request->name()), response, "info " + request->name());
}

grpc::Status HypervisorService::ListDomains(grpc::ServerContext*, v1::ListDomainsRequest const*,
                                            v1::ListDomainsResponse* response) {
    Result<std::vector<Domain>> domains = manager_.list();
    if (!domains) return translate_error(domains.error(), "list");
    for (Domain const& domain : *domains) *response->add_domains() = to_message(domain);
    return grpc::Status::OK;
}

grpc::Status HypervisorService::PauseDomain(grpc::ServerContext*, v1::DomainRef const* request, v1::Domain* response) {
    return answer(manager_.pause(request->name()), response, "pause " + request->name());
}

grpc::Status HypervisorService::UnpauseDomain(grpc::ServerContext*, v1::DomainRef const* request,
                                              v1::Domain* response) {
    return answer(manager_.unpause(request->name()), response, "unpause " + request->name());
}

grpc::Status HypervisorService::ShutdownDomain(grpc::ServerContext*, v1::ShutdownRequest const* request,
                                               v1::ShutdownResponse* response) {
    return answer_end(manager_.ask_to_end(request->name(), "poweroff", std::chrono::nanoseconds{request->wait_ns()}),
                      response, "shutdown " + request->name());
}

grpc::Status HypervisorService::RebootDomain(grpc::ServerContext*, v1::ShutdownRequest const* request,
                                             v1::ShutdownResponse* response) {
    return answer_end(manager_.ask_to_end(request->name(), "reboot", std::chrono::nanoseconds{request->wait_ns()}),
                      response, "reboot " + request->name());
}

grpc::Status HypervisorService::DestroyDomain(grpc::ServerContext*, v1::DomainRef const* request,
                                              v1::DestroyResponse*) {
    Result<> destroyed = manager_.destroy(request->name());
    return destroyed ? grpc::Status::OK : translate_error(destroyed.error(), "destroy " + request->name());
}

grpc::Status HypervisorService::Console(grpc::ServerContext* context,
                                        grpc::ServerReaderWriter<v1::ConsoleOutput, v1::ConsoleInput>* stream) {
    v1::ConsoleInput first;
    if (!stream->Read(&first)) return {grpc::StatusCode::INVALID_ARGUMENT, "console: no message that names a domain"};
    std::string operation = "console " + first.name();
    Result<std::string> path = manager_.console_socket(first.name());
    if (!path) return translate_error(path.error(), operation);
    Result<OwnedFd> backend = connect_unix(*path);
    if (!backend) {
        return translate_error(
            Error{"", "its console backend does not answer: " + backend.error().message(), ErrorKind::precondition},
            operation);
    }
    stream->SendInitialMetadata();  // tells the client that it is attached
    relay_console(*context, *stream, *std::move(backend), first.data());
    return grpc::Status::OK;
}

grpc::Status HypervisorService::WatchEvents(grpc::ServerContext* context, v1::WatchEventsRequest const*,
                                            grpc::ServerWriter<v1::Event>* writer) {
    EventHub::Listener listener{events_};
    writer->SendInitialMetadata();  // tells the client that nothing is missed from here on
    while (!context->IsCancelled() && !stopping_) {
        std::optional<Event> event = listener.next(look_at_client);
        if (event && !writer->Write(to_message(*event))) return grpc::Status::OK;
    }
    return stopping_ ? grpc::Status{grpc::StatusCode::UNAVAILABLE, "events: paravaned ends"} : grpc::Status::OK;
}

grpc::Status HypervisorService::GetHostInfo(grpc::ServerContext*, v1::HostInfoRequest const*, v1::HostInfo* response) {
    return answer(manager_.host(), response, "info");
}

grpc::Status HypervisorService::ReadHypervisorLog(grpc::ServerContext*, v1::HypervisorLogRequest const* request,
                                                  v1::HypervisorLog* response) {
    Result<std::string> log = manager_.hypervisor_log(request->clear());
    if (!log) return translate_error(log.error(), "dmesg");
    std::erase(*log, '\r');
    // Guests can write to the log; a message field must be valid UTF-8.
    for (char& c : *log) c = c == '\n' || c == '\t' || (c >= ' ' && c <= '~') ? c : '?';
    response->set_text(*std::move(log));
    return grpc::Status::OK;
}
}  // namespace paravane

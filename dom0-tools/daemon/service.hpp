// SPDX-License-Identifier: MIT
// The gRPC service: hands each call to DomainManager and translates what comes back.
#pragma once
#include <hypervisor.grpc.pb.h>

#include "daemon/domain_manager.hpp"
#include "daemon/event_hub.hpp"

#include <atomic>

namespace paravane {
class HypervisorService final : public v1::Hypervisor::Service {
public:
    HypervisorService(DomainManager& manager, EventHub& events) : manager_{manager}, events_{events} {}

    // Ends the streams that would otherwise outlast the server.
    void stop() { stopping_ = true; }

    grpc::Status CreateDomain(grpc::ServerContext*, v1::CreateDomainRequest const*, v1::Domain*) override;
    grpc::Status GetDomain(grpc::ServerContext*, v1::DomainRef const*, v1::Domain*) override;
    grpc::Status ListDomains(grpc::ServerContext*, v1::ListDomainsRequest const*, v1::ListDomainsResponse*) override;
    grpc::Status PauseDomain(grpc::ServerContext*, v1::DomainRef const*, v1::Domain*) override;
    grpc::Status UnpauseDomain(grpc::ServerContext*, v1::DomainRef const*, v1::Domain*) override;
    grpc::Status ShutdownDomain(grpc::ServerContext*, v1::ShutdownRequest const*, v1::ShutdownResponse*) override;
    grpc::Status RebootDomain(grpc::ServerContext*, v1::ShutdownRequest const*, v1::ShutdownResponse*) override;
    grpc::Status DestroyDomain(grpc::ServerContext*, v1::DomainRef const*, v1::DestroyResponse*) override;
    grpc::Status Console(grpc::ServerContext*, grpc::ServerReaderWriter<v1::ConsoleOutput, v1::ConsoleInput>*) override;
    grpc::Status WatchEvents(grpc::ServerContext*, v1::WatchEventsRequest const*,
                             grpc::ServerWriter<v1::Event>*) override;
    grpc::Status GetHostInfo(grpc::ServerContext*, v1::HostInfoRequest const*, v1::HostInfo*) override;
    grpc::Status ReadHypervisorLog(grpc::ServerContext*, v1::HypervisorLogRequest const*, v1::HypervisorLog*) override;

private:
    DomainManager& manager_;
    EventHub& events_;
    std::atomic<bool> stopping_ = false;
};
}  // namespace paravane

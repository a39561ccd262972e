// SPDX-License-Identifier: MIT
// The services beside Domains: operations, events, the host, the store.
#pragma once
#include <paravane/v1/events.grpc.pb.h>
#include <paravane/v1/host.grpc.pb.h>
#include <paravane/v1/operations.grpc.pb.h>
#include <paravane/v1/store.grpc.pb.h>

#include "daemon/service_calls.hpp"

namespace paravane {
using CallContext = grpc::CallbackServerContext;
using UnaryCall = grpc::ServerUnaryReactor;

class OperationsService final : public v1::Operations::CallbackService {
public:
    OperationsService(Engine& engine, Peers const& peers) : edge_{engine, peers} {}

    UnaryCall* GetOperation(CallContext*, v1::GetOperationRequest const*, v1::Operation*) override;
    UnaryCall* ListOperations(CallContext*, v1::ListOperationsRequest const*, v1::ListOperationsResponse*) override;
    grpc::ServerWriteReactor<v1::WatchOperationsResponse>* WatchOperations(CallContext*,
                                                                           v1::WatchOperationsRequest const*) override;
    UnaryCall* WaitOperation(CallContext*, v1::WaitOperationRequest const*, v1::Operation*) override;
    UnaryCall* CancelOperation(CallContext*, v1::CancelOperationRequest const*, v1::Operation*) override;

private:
    Result<Operation> find(std::string const& uid) const;

    Edge edge_;
};

class EventsService final : public v1::Events::CallbackService {
public:
    EventsService(Engine& engine, Peers const& peers) : edge_{engine, peers} {}

    grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(CallContext*,
                                                                   v1::WatchEventsRequest const*) override;

private:
    Edge edge_;
};

class HostService final : public v1::Host::CallbackService {
public:
    HostService(Engine& engine, Peers const& peers) : edge_{engine, peers} {}

    UnaryCall* GetHost(CallContext*, v1::GetHostRequest const*, v1::HostInfo*) override;
    grpc::ServerWriteReactor<v1::ReadHypervisorLogResponse>* ReadHypervisorLog(
        CallContext*, v1::ReadHypervisorLogRequest const*) override;

private:
    Edge edge_;
    WallTime started_ = wall_now();
};

class StoreService final : public v1::Store::CallbackService {
public:
    StoreService(Engine& engine, Peers const& peers) : edge_{engine, peers} {}

    UnaryCall* ReadNode(CallContext*, v1::ReadNodeRequest const*, v1::ReadNodeResponse*) override;
    UnaryCall* ListNodes(CallContext*, v1::ListNodesRequest const*, v1::ListNodesResponse*) override;
    UnaryCall* WriteNode(CallContext*, v1::WriteNodeRequest const*, v1::WriteNodeResponse*) override;
    UnaryCall* RemoveNode(CallContext*, v1::RemoveNodeRequest const*, v1::RemoveNodeResponse*) override;

private:
    UnaryCall* run(CallContext* context, google::protobuf::Message const& request, char const* verb,
                   std::string const& path, bool changes, std::function<Result<>(XenstoreClient&)> work);

    Edge edge_;
};
}  // namespace paravane

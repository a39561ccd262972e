// SPDX-License-Identifier: MIT
// The service Domains: each call becomes a wish, or an answer from what is known.
#pragma once
#include <paravane/v1/domains.grpc.pb.h>

#include <deque>
#include <map>

#include "daemon/service_calls.hpp"
#include "domain/label_selector.hpp"

namespace paravane {
class DomainsService final : public v1::Domains::CallbackService {
public:
    DomainsService(Engine& engine, Peers const& peers) : edge_{engine, peers} {}

    using Context = grpc::CallbackServerContext;
    using Unary = grpc::ServerUnaryReactor;

    Unary* CreateDomain(Context*, v1::CreateDomainRequest const*, v1::DomainOperation*) override;
    Unary* GetDomain(Context*, v1::GetDomainRequest const*, v1::Domain*) override;
    Unary* ListDomains(Context*, v1::ListDomainsRequest const*, v1::ListDomainsResponse*) override;
    grpc::ServerWriteReactor<v1::WatchDomainsResponse>* WatchDomains(Context*, v1::WatchDomainsRequest const*) override;
    Unary* UpdateDomain(Context*, v1::UpdateDomainRequest const*, v1::DomainOperation*) override;
    Unary* DeleteDomain(Context*, v1::DeleteDomainRequest const*, v1::DomainOperation*) override;
    Unary* StartDomain(Context*, v1::StartDomainRequest const*, v1::DomainOperation*) override;
    Unary* StopDomain(Context*, v1::StopDomainRequest const*, v1::DomainOperation*) override;
    Unary* ShutdownDomain(Context*, v1::ShutdownDomainRequest const*, v1::DomainOperation*) override;
    Unary* RebootDomain(Context*, v1::RebootDomainRequest const*, v1::DomainOperation*) override;
    Unary* RestartDomain(Context*, v1::RestartDomainRequest const*, v1::DomainOperation*) override;
    Unary* PauseDomain(Context*, v1::PauseDomainRequest const*, v1::DomainOperation*) override;
    Unary* UnpauseDomain(Context*, v1::UnpauseDomainRequest const*, v1::DomainOperation*) override;

private:
    // The rest of a listing whose first pages were given.
    struct Listing {
        std::uint64_t revision = 0;
        std::vector<std::shared_ptr<DomainView const>> views;  // by name
    };

    template <class Request>
    Unary* change(Context* context, Mutator const& mutator, Request const& request, v1::DomainOperation* response,
                  std::function<Result<>(Wish&)> const& more);
    Unary* grant(Context* context, Wish wish, std::string const& label, std::chrono::nanoseconds wait,
                 Caller const& caller, v1::DomainOperation* response);
    v1::Domain describe(DomainView const& view, DomainInfo const* now) const;
    Result<> list(v1::ListDomainsRequest const& request, v1::ListDomainsResponse& response);
    Result<Listing> take_listing(std::string const& token);

    Edge edge_;
    std::mutex mutex_;
    std::map<std::string, Listing> listings_;  // by page token
    std::deque<std::string> tokens_;           // the oldest first
};
}  // namespace paravane

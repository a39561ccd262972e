// SPDX-License-Identifier: MIT
// A guest's nodes in xenstore: those its kernel, its backends and Debian's tools look for, /local/domain/N and
// /vm/UUID. All of them can be written again from what paravaned knows, at any time.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "domain/builder.hpp"
#include "domain/spec.hpp"
#include "domain/uuid.hpp"
#include "xenstore/client.hpp"

namespace paravane {
// A guest that was built: what its nodes are made from.
struct GuestPlace {
    std::uint16_t id = 0;
    DomainPorts ports{};
    BuiltDomain built{};

    bool operator==(GuestPlace const&) const = default;
};

class DomainNodes {
public:
    explicit DomainNodes(XenstoreClient client) : client_{std::move(client)} {}
    static Result<DomainNodes> connect();

    // Everything the guest and its backends look for, at once; then the introduction to xenstored.
    Result<> publish(GuestPlace const& guest, std::string const& uid, DomainSpec const& spec);
    Result<bool> is_published(std::uint16_t id);
    // A number may be another domain's meanwhile, or 0, which is ours: its nodes go only if they are this guest's.
    Result<> remove(std::uint16_t id, std::string const& uid);
    Result<> rename(std::uint16_t id, std::string const& uid, std::string const& name);

    Result<std::string> name_of(std::uint16_t id);  // of domains that are not ours; empty: it has none

    // Guests say by control/feature-* which requests they answer.
    Result<bool> answers(std::uint16_t id, std::string const& request);
    Result<> ask(std::uint16_t id, std::string const& uid, std::string const& request);  // precondition: not its nodes

    XenstoreClient& client() { return client_; }

private:
    Result<bool> are_of(std::uint16_t id, std::string const& uid);
    Result<> write_guest_nodes(GuestPlace const& guest, std::string const& uid, DomainSpec const& spec);

    XenstoreClient client_;
};
}  // namespace paravane

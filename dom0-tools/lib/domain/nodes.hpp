// SPDX-License-Identifier: MIT
// A domain's nodes in xenstore: those its kernel and Debian's tools look for, and our own record of it, from which a
// restarted paravaned learns what the domain was made from.
//   /local/domain/N, /vm/UUID      as stock guests and tools know them
//   /paravane/domain/N             uuid, spec/FIELD: a domain that is complete
//   /paravane/building/UUID        a domain under construction: what a restarted paravaned finds here it destroys
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "domain/builder.hpp"
#include "domain/spec.hpp"
#include "domain/uuid.hpp"
#include "xenstore/client.hpp"

namespace paravane {
struct DomainRecord {
    std::uint16_t id = 0;
    std::string uuid;
    DomainSpec spec;
};

class DomainNodes {
public:
    explicit DomainNodes(XenstoreClient client) : client_{std::move(client)} {}
    static Result<DomainNodes> connect();

    Result<> begin_building(std::string const& uuid, std::string const& name);
    Result<> end_building(std::string const& uuid);
    Result<std::vector<std::string>> under_construction();

    // Everything the guest and its backends look for, and our record, at once; then the introduction to xenstored.
    Result<> publish(DomainRecord const& record, DomainPorts ports, BuiltDomain const& built);
    Result<> remove(std::uint16_t id, std::string const& uuid);

    Result<std::vector<DomainRecord>> records();
    Result<std::string> name_of(std::uint16_t id);  // of domains that are not ours; empty: it has none
    Result<std::uint32_t> console_port(std::uint16_t id);

    // Guests say by control/feature-* which requests they answer.
    Result<bool> answers(std::uint16_t id, std::string const& request);
    Result<> ask(std::uint16_t id, std::string const& request);

private:
    Result<> write_guest_nodes(DomainRecord const& record, DomainPorts ports, BuiltDomain const& built);
    Result<> write_record(DomainRecord const& record);
    Result<DomainRecord> read_record(std::uint16_t id);

    XenstoreClient client_;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
// What batches of grant operations are made of. A mapping holds its frame by itself, beside what the page-table entry
// holds: so an entry may vanish in any way the mapper likes, and the granter's page stays what it is until unmap.
#pragma once
#include <optional>
#include "core/grant/table.hpp"

namespace hv {
// The domain that an operation names, kept for the next one, which mostly names the same.
class Granters {
public:
    explicit Granters(Domain& caller) : caller_{caller} {}
    Domain* find(Domid id);  // null: none, or dying

private:
    Domain& caller_;
    Domid last_{};
    std::optional<DomainRef> held_;
};

// A frame of the granter's, held for a mapping or a copy.
GrantStatus hold_frame(Domain& granter, Mfn frame, Access access);
void release_frame(Mfn frame, Access access);

GrantStatus map_grant(Vcpu& vcpu, Granters& granters, abi::GnttabMapGrantRef& op);

// In two steps, with one TLB flush for a batch between them: the entry goes, then what the mapping holds.
struct EndedMapping {
    GrantStatus status;
    bool ended;  // no kind is left: call end_mapping after the flush
    u32 handle;
    Mapping mapping;
};
EndedMapping begin_unmap(Vcpu& vcpu, abi::GnttabUnmapGrantRef const& op);

// Lets go of the frame and of the grant, and frees the handle.
void end_mapping(GrantTable& table, u32 handle, Mapping const& mapping);

// One end of a copy, held until an operation names another place.
class CopyEnd {
public:
    explicit CopyEnd(Access access) : access_{access} {}
    CopyEnd(CopyEnd const&) = delete;
    ~CopyEnd() { close(); }

    GrantStatus open(Domain& caller, Granters& granters, abi::GnttabCopyPtr const& place, bool by_grant);
    std::byte* bytes() const { return bytes_; }

private:
    void close();

    Access access_;
    bool by_grant_ = false;
    abi::GnttabCopyPtr place_{};
    std::byte* bytes_ = nullptr;  // null: closed
    Mfn frame_{};
    Domain* granter_ = nullptr;  // alive as long as its frame is held
};

GrantStatus copy_grant(Domain& caller, Granters& granters, CopyEnd& source, CopyEnd& dest, abi::GnttabCopy const& op);
}  // namespace hv

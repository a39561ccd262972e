// SPDX-License-Identifier: MIT
// Grants mapped and unmapped one at a time. What became of it is the operation's status: `untouched` if the call never
// came so far.
#pragma once
#include "attack.hpp"
#include "runtime/grant.hpp"

namespace attacks {
inline constexpr abi::i16 untouched = 99;

inline abi::GnttabMapGrantRef map_grant(u32 ref, u64 address = test_address, u32 flags = abi::gntmap::host_map,
                                        guest::Domid granter = guest::own_domid()) {
    abi::GnttabMapGrantRef op{};
    op.host_addr = address;
    op.flags = flags;
    op.ref = {ref};
    op.dom = granter;
    op.status = untouched;
    (void)guest::grant_table_op(abi::gnttabop::map_grant_ref, &op, 1);
    return op;
}

inline abi::i16 unmap_grant(abi::GrantHandle handle, u64 address = test_address) {
    abi::GnttabUnmapGrantRef op{};
    op.host_addr = address;
    op.handle = handle;
    op.status = untouched;
    (void)guest::grant_table_op(abi::gnttabop::unmap_grant_ref, &op, 1);
    return op.status;
}
}  // namespace attacks

// SPDX-License-Identifier: MIT
// The xenstore wire protocol and its ring page (io/xs_wire.h).
#pragma once
#include "public/types.hpp"

namespace abi::io {
namespace xs {
enum Type : u32 {
    control = 0,
    directory = 1,
    read = 2,
    get_perms = 3,
    watch = 4,
    unwatch = 5,
    transaction_start = 6,
    transaction_end = 7,
    introduce = 8,
    release = 9,
    get_domain_path = 10,
    write = 11,
    mkdir = 12,
    rm = 13,
    set_perms = 14,
    watch_event = 15,
    error = 16,
    is_domain_introduced = 17,
    resume = 18,
    set_target = 19,
    reset_watches = 21,
    directory_part = 22,
    type_count = 23,
    invalid = 0xffff,
};

inline constexpr u32 payload_max = 4096;
inline constexpr u32 abs_path_max = 3072;
inline constexpr u32 rel_path_max = 2048;
inline constexpr u32 watch_path = 0;  // index of each string in a watch event's payload
inline constexpr u32 watch_token = 1;

inline constexpr u32 feature_reconnection = 1;
inline constexpr u32 feature_error = 2;

enum Connection : u32 { connected = 0, reconnect = 1 };
enum RingError : u32 { none = 0, comm = 1, ridx = 2, proto = 3 };
}  // namespace xs

struct XsdSockmsg {
    u32 type;
    u32 req_id;
    u32 tx_id;
    u32 len;
};
static_assert(sizeof(XsdSockmsg) == 16);

inline constexpr u32 xenstore_ring_size = 1024;

struct XenstoreDomainInterface {
    char req[xenstore_ring_size];  // guest to store
    char rsp[xenstore_ring_size];
    u32 req_cons, req_prod;
    u32 rsp_cons, rsp_prod;
    u32 server_features;
    u32 connection;
    u32 error;
};
static_assert(sizeof(XenstoreDomainInterface) == 2076);
}  // namespace abi::io

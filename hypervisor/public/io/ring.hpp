// SPDX-License-Identifier: MIT
// The page of requests and responses between a split driver's two ends (io/ring.h). The ends themselves:
// portable/ring/request_ring.hpp.
#pragma once
#include <bit>
#include "public/types.hpp"

namespace abi::io {
// The head of the page; entries of max(sizeof(Request), sizeof(Response)) follow at once.
struct RingHeader {
    u32 req_prod, req_event;
    u32 rsp_prod, rsp_event;
    u8 pvt[4];
    u8 pad[44];
};
static_assert(sizeof(RingHeader) == 64);

template <class Request, class Response>
union RingSlot {
    Request request;
    Response response;
};

// Entries that fit into size bytes of ring pages, a power of two.
template <class Request, class Response>
constexpr u32 ring_entries(std::size_t size) {
    return std::bit_floor(static_cast<u32>((size - sizeof(RingHeader)) / sizeof(RingSlot<Request, Response>)));
}
}  // namespace abi::io

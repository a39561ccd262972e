// SPDX-License-Identifier: MIT
// What the two ends of a disk tell each other in xenstore, by the table of portable/xenbus/nodes.hpp.
#pragma once
#include <array>
#include <cstdint>

#include "block/plan.hpp"
#include "host/device_nodes.hpp"

namespace paravane::block {
inline constexpr std::uint32_t most_queues = 4, most_ring_pages = 16;

// What a front end has chosen. It is kept beside the journal: who comes after a kill takes up the same rings without
// asking the store, whose nodes the guest may have changed since.
struct Connection {
    struct Queue {
        std::uint32_t port;
        std::array<std::uint32_t, most_ring_pages> refs;
    };

    std::uint32_t queues, ring_pages;
    std::uint32_t persistent;  // 1: it keeps its pages granted
    std::uint32_t pad;
    std::array<Queue, most_queues> queue;
};

// What this end can do.
Result<> offer(host::DeviceNodes& nodes, Geometry const& geometry);
// Checked; an error says what makes no sense.
Result<Connection> read_connection(host::DeviceNodes& nodes);
}  // namespace paravane::block

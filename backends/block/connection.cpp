// SPDX-License-Identifier: MIT
#include "block/connection.hpp"

#include <bit>

namespace paravane::block {
namespace {
namespace node = hv::xenbus::block;

constexpr char our_protocol[] = "x86_64-abi";
}  // namespace

Result<> offer(host::DeviceNodes& nodes, Geometry const& geometry) {
    std::uint32_t const info = geometry.read_only ? blkif::info_read_only : 0;
    std::pair<hv::xenbus::Node const&, std::uint64_t> const values[] = {
        {node::sectors, geometry.size / blkif::sector_size},
        {node::sector_size, geometry.sector},
        {node::physical_sector_size, geometry.sector},
        {node::info, info},
        {node::feature_barrier, 0},
        {node::feature_flush_cache, 1},
        {node::feature_discard, geometry.discards ? 1 : 0},
        {node::discard_granularity, page_size},
        {node::discard_alignment, 0},
        {node::feature_max_indirect_segments, most_segments},
        {node::max_ring_page_order, std::countr_zero(most_ring_pages)},
        {node::multi_queue_max_queues, most_queues},
        {node::backend_persistent, 1},
    };
    for (auto const& [name, value] : values) TRY(nodes.write(name, value));
    return {};
}

Result<Connection> read_connection(host::DeviceNodes& nodes) {
    Connection connection{};
    std::optional<std::string> const protocol = TRY(nodes.text(node::protocol));
    if (protocol && *protocol != our_protocol)
        return Error{"", "its protocol is not " + std::string{our_protocol}, ErrorKind::unsupported};
    connection.queues = static_cast<std::uint32_t>(TRY(nodes.number(node::multi_queue_num_queues)));
    if (connection.queues > most_queues) return Error{"", "it wants too many queues", ErrorKind::invalid};
    // Without an order there is one page, and its node has no number.
    bool const numbered = TRY(nodes.text(node::ring_page_order)).has_value();
    connection.ring_pages = 1u << TRY(nodes.number(node::ring_page_order));
    connection.persistent = static_cast<std::uint32_t>(TRY(nodes.number(node::frontend_persistent)));
    for (std::uint32_t queue = 0; queue < connection.queues; ++queue) {
        host::Which which;
        if (connection.queues > 1) which.queue = queue;
        Connection::Queue& one = connection.queue[queue];
        one.port = static_cast<std::uint32_t>(TRY(nodes.number(node::event_channel, which)));
        for (std::uint32_t page = 0; page < connection.ring_pages; ++page) {
            if (numbered) which.page = page;
            one.refs[page] = static_cast<std::uint32_t>(TRY(nodes.number(node::ring_ref, which)));
        }
    }
    return connection;
}
}  // namespace paravane::block

// SPDX-License-Identifier: MIT
// The nodes that the two ends of each kind of device tell each other in xenstore, written down once: who writes a node,
// what may stand in it, and what holds where it is not there. Both ends name these objects; no name is typed twice.
// (io/console.h, io/blkif.h, io/netif.h describe what they mean.)
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include "portable/base/number.hpp"
#include "portable/base/types.hpp"

namespace hv::xenbus {
enum class Writer : u8 { toolstack, frontend, backend };
enum class Holds : u8 { number, flag, text };  // a flag is 0 or 1

struct Node {
    std::string_view name;
    Writer writer;
    Holds holds = Holds::number;
    u64 least = 0, most = 0xffff'ffff;  // of numbers
    std::optional<u64> otherwise = {};  // where it is not there; none: it must be
    bool per_queue = false;             // with more than one queue it stands in queue-N/
    bool numbered = false;              // of several pages: name0, name1, ...

    // What was read, checked. Nothing where it is malformed, out of range, or not there and needed.
    constexpr std::optional<u64> value(std::optional<std::string_view> text) const {
        if (!text) return otherwise;
        std::optional<u64> const number = parse_decimal<u64>(*text);
        if (!number || *number < least || *number > most) return std::nullopt;
        return number;
    }
};

constexpr Node number(std::string_view name, Writer writer, u64 least, u64 most, std::optional<u64> otherwise = {}) {
    return {.name = name, .writer = writer, .least = least, .most = most, .otherwise = otherwise};
}
constexpr Node flag(std::string_view name, Writer writer, std::optional<u64> otherwise = 0) {
    return {.name = name, .writer = writer, .holds = Holds::flag, .least = 0, .most = 1, .otherwise = otherwise};
}
constexpr Node text(std::string_view name, Writer writer) {
    return {.name = name, .writer = writer, .holds = Holds::text};
}
constexpr Node of_each_queue(Node node) {
    node.per_queue = true;
    return node;
}
constexpr Node of_each_page(Node node) {
    node.numbered = true;
    return node;
}

inline constexpr u64 last_port = 131071;  // event channels of the FIFO ABI
inline constexpr u64 last_grant = 0xffff'ffff;

// What every device with states has: whether its back end is to go on, as the toolstack says. Without the node it is.
inline constexpr Node online = flag("online", Writer::toolstack, 1);
inline constexpr std::string_view state_node = "state";  // of each end, in its own folder

// The console that a domain is built with: its nodes are in console/ of the domain, and it has no states.
namespace console {
inline constexpr Node ring_ref{
    .name = "ring-ref", .writer = Writer::toolstack, .most = ~u64{0}};  // a frame, as Xen has it
inline constexpr Node port = number("port", Writer::toolstack, 1, last_port);
inline constexpr Node limit = number("limit", Writer::toolstack, 0, 0xffff'ffff, 0);
inline constexpr Node type = text("type", Writer::toolstack);  // which daemon serves it
inline constexpr Node output = text("output", Writer::toolstack);
inline constexpr std::array nodes{ring_ref, port, limit, type, output};
inline constexpr std::string_view folder = "console";
inline constexpr std::string_view our_type = "paravane";  // anything but "xenconsoled" keeps that daemon away
}  // namespace console

namespace block {
inline constexpr Node virtual_device = number("virtual-device", Writer::toolstack, 0, 0x1fff'ffff);
inline constexpr Node device_type = text("device-type", Writer::toolstack);      // disk, cdrom
inline constexpr Node mode = text("mode", Writer::toolstack);                    // r, w
inline constexpr Node sectors = number("sectors", Writer::backend, 0, ~u64{0});  // of 512 bytes, always
inline constexpr Node sector_size = number("sector-size", Writer::backend, 512, 4096);
inline constexpr Node physical_sector_size = number("physical-sector-size", Writer::backend, 512, 1 << 20, 512);
inline constexpr Node info = number("info", Writer::backend, 0, 7);  // bits: cdrom, removable, read-only
inline constexpr Node feature_barrier = flag("feature-barrier", Writer::backend);
inline constexpr Node feature_flush_cache = flag("feature-flush-cache", Writer::backend);
inline constexpr Node feature_discard = flag("feature-discard", Writer::backend);
inline constexpr Node discard_granularity = number("discard-granularity", Writer::backend, 512, 0x8000'0000, 512);
inline constexpr Node discard_alignment = number("discard-alignment", Writer::backend, 0, 0x8000'0000, 0);
inline constexpr Node feature_max_indirect_segments =
    number("feature-max-indirect-segments", Writer::backend, 0, 65535, 0);
inline constexpr Node max_ring_page_order = number("max-ring-page-order", Writer::backend, 0, 4, 0);
inline constexpr Node multi_queue_max_queues = number("multi-queue-max-queues", Writer::backend, 1, 64, 1);
inline constexpr Node backend_persistent = flag("feature-persistent", Writer::backend);
inline constexpr Node frontend_persistent = flag("feature-persistent", Writer::frontend);
inline constexpr Node ring_page_order = number("ring-page-order", Writer::frontend, 0, 4, 0);
inline constexpr Node multi_queue_num_queues = number("multi-queue-num-queues", Writer::frontend, 1, 64, 1);
inline constexpr Node protocol = text("protocol", Writer::frontend);  // x86_64-abi
inline constexpr Node ring_ref = of_each_page(of_each_queue(number("ring-ref", Writer::frontend, 0, last_grant)));
inline constexpr Node event_channel = of_each_queue(number("event-channel", Writer::frontend, 1, last_port));
inline constexpr std::array nodes{virtual_device,
                                  device_type,
                                  mode,
                                  sectors,
                                  sector_size,
                                  physical_sector_size,
                                  info,
                                  feature_barrier,
                                  feature_flush_cache,
                                  feature_discard,
                                  discard_granularity,
                                  discard_alignment,
                                  feature_max_indirect_segments,
                                  max_ring_page_order,
                                  multi_queue_max_queues,
                                  backend_persistent,
                                  frontend_persistent,
                                  ring_page_order,
                                  multi_queue_num_queues,
                                  protocol,
                                  ring_ref,
                                  event_channel};
}  // namespace block

namespace net {
inline constexpr Node handle = number("handle", Writer::toolstack, 0, 0xffff);
inline constexpr Node mac = text("mac", Writer::toolstack);
inline constexpr Node mtu = number("mtu", Writer::toolstack, 68, 65535, 1500);
inline constexpr Node feature_sg = flag("feature-sg", Writer::backend);
inline constexpr Node feature_gso_tcpv4 = flag("feature-gso-tcpv4", Writer::backend);
inline constexpr Node feature_gso_tcpv6 = flag("feature-gso-tcpv6", Writer::backend);
inline constexpr Node feature_ipv6_csum_offload = flag("feature-ipv6-csum-offload", Writer::backend);
inline constexpr Node feature_no_csum_offload = flag("feature-no-csum-offload", Writer::backend);
inline constexpr Node feature_rx_copy = flag("feature-rx-copy", Writer::backend);
inline constexpr Node feature_multicast_control = flag("feature-multicast-control", Writer::backend);
inline constexpr Node feature_split_event_channels = flag("feature-split-event-channels", Writer::backend);
inline constexpr Node multi_queue_max_queues = number("multi-queue-max-queues", Writer::backend, 1, 64, 1);
inline constexpr Node request_rx_copy = flag("request-rx-copy", Writer::frontend);
inline constexpr Node feature_rx_notify = flag("feature-rx-notify", Writer::frontend);
inline constexpr Node request_multicast_control = flag("request-multicast-control", Writer::frontend);
inline constexpr Node multi_queue_num_queues = number("multi-queue-num-queues", Writer::frontend, 1, 64, 1);
inline constexpr Node tx_ring_ref = of_each_queue(number("tx-ring-ref", Writer::frontend, 0, last_grant));
inline constexpr Node rx_ring_ref = of_each_queue(number("rx-ring-ref", Writer::frontend, 0, last_grant));
inline constexpr Node event_channel = of_each_queue(number("event-channel", Writer::frontend, 1, last_port));
inline constexpr Node event_channel_tx = of_each_queue(number("event-channel-tx", Writer::frontend, 1, last_port));
inline constexpr Node event_channel_rx = of_each_queue(number("event-channel-rx", Writer::frontend, 1, last_port));
inline constexpr std::array nodes{handle,
                                  mac,
                                  mtu,
                                  feature_sg,
                                  feature_gso_tcpv4,
                                  feature_gso_tcpv6,
                                  feature_ipv6_csum_offload,
                                  feature_no_csum_offload,
                                  feature_rx_copy,
                                  feature_multicast_control,
                                  feature_split_event_channels,
                                  multi_queue_max_queues,
                                  request_rx_copy,
                                  feature_rx_notify,
                                  request_multicast_control,
                                  multi_queue_num_queues,
                                  tx_ring_ref,
                                  rx_ring_ref,
                                  event_channel,
                                  event_channel_tx,
                                  event_channel_rx};
}  // namespace net

// Where a kind of device stands: NAME is the folder of both ends, device/NAME and backend/NAME. Ours are not vbd and
// vif, which drivers in dom0's kernel claim for themselves.
struct Kind {
    std::string_view name;      // of the backend's program and its folder
    std::string_view frontend;  // folder in the guest's device/
    std::string_view backend;   // folder in dom0's backend/
    std::span<Node const> nodes;
};
inline constexpr std::array kinds{Kind{"console", "console", "console", console::nodes},
                                  Kind{"block", "vbd", "pvblk", block::nodes}, Kind{"net", "vif", "pvnet", net::nodes}};

constexpr Kind const* find_kind(std::string_view name) {
    for (Kind const& kind : kinds) {
        if (kind.name == name) return &kind;
    }
    return nullptr;
}
}  // namespace hv::xenbus

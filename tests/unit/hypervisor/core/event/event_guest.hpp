// SPDX-License-Identifier: MIT
// Event channel operations as a guest makes them.
#pragma once
#include "hosted/world.hpp"
#include "public/event_channel.hpp"
#include "public/hypercall.hpp"
#include "public/physdev.hpp"

#include <gtest/gtest.h>

namespace hosted {
template <class Op>
i64 event_op(Guest& guest, u32 command, Op& op) {
    i64 const result = guest.call(abi::hypercall::event_channel_op, {command, guest.put(op)});
    op = guest.take<Op>();
    return result;
}

inline EvtchnPort alloc_unbound(Guest& guest, Domid who) {
    abi::EvtchnAllocUnbound op{.dom = abi::domid_self, .remote_dom = who, .port = {}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::alloc_unbound, op), 0);
    return op.port;
}

inline i64 bind_interdomain(Guest& guest, Domid remote, EvtchnPort remote_port, EvtchnPort* local = nullptr) {
    abi::EvtchnBindInterdomain op{.remote_dom = remote, .pad = 0, .remote_port = remote_port, .local_port = {}};
    i64 const result = event_op(guest, abi::evtchnop::bind_interdomain, op);
    if (local) *local = op.local_port;
    return result;
}

inline i64 bind_virq(Guest& guest, u32 virq, u32 vcpu, EvtchnPort* port = nullptr) {
    abi::EvtchnBindVirq op{.virq = virq, .vcpu = VcpuId{vcpu}, .port = {}};
    i64 const result = event_op(guest, abi::evtchnop::bind_virq, op);
    if (port) *port = op.port;
    return result;
}

// The timer of vCPU 0.
inline EvtchnPort bind_timer(Guest& guest) {
    EvtchnPort port{};
    EXPECT_EQ(bind_virq(guest, abi::virq::timer, 0, &port), 0);
    return port;
}

// A channel between dom0 (ours) and a guest.
struct Connection {
    EvtchnPort ours, theirs;
};
inline Connection connect(World& world, Guest& guest) {
    Connection made{.ours = {}, .theirs = alloc_unbound(guest, abi::dom0)};
    EXPECT_EQ(bind_interdomain(world.dom0(), guest.id(), made.theirs, &made.ours), 0);
    return made;
}

inline EvtchnPort bind_ipi(Guest& guest, u32 vcpu) {
    abi::EvtchnBindIpi op{.vcpu = VcpuId{vcpu}, .port = {}};
    EXPECT_EQ(event_op(guest, abi::evtchnop::bind_ipi, op), 0);
    return op.port;
}

template <class Op>
i64 port_op(Guest& guest, u32 command, EvtchnPort port) {
    Op op{.port = port};
    return event_op(guest, command, op);
}
inline i64 send(Guest& guest, EvtchnPort port) { return port_op<abi::EvtchnSend>(guest, abi::evtchnop::send, port); }
inline i64 close_port(Guest& guest, EvtchnPort port) {
    return port_op<abi::EvtchnClose>(guest, abi::evtchnop::close, port);
}
inline i64 unmask(Guest& guest, EvtchnPort port) {
    return port_op<abi::EvtchnUnmask>(guest, abi::evtchnop::unmask, port);
}

inline u32 status_of(Guest& guest, EvtchnPort port) {
    abi::EvtchnStatus op{};
    op.dom = abi::domid_self;
    op.port = port;
    EXPECT_EQ(event_op(guest, abi::evtchnop::status, op), 0);
    return op.status;
}

// --- dom0's interrupts
inline i64 physdev(Guest& guest, u32 command, auto& op) {
    i64 const result = guest.call(abi::hypercall::physdev_op, {command, guest.put(op)});
    op = guest.take<std::remove_reference_t<decltype(op)>>();
    return result;
}
inline abi::PhysdevMapPirq gsi_request(i32 gsi) {
    abi::PhysdevMapPirq map{};
    map.domid = abi::domid_self;
    map.type = abi::map_pirq_type::gsi;
    map.index = map.pirq = gsi;
    return map;
}

// --- what the guest finds in its shared page
inline bool pending(Guest& guest, EvtchnPort port) {
    return guest.domain().shared_info->evtchn_pending[port.value / 64] >> (port.value % 64) & 1;
}
inline void clear_pending(Guest& guest, EvtchnPort port, u32 vcpu = 0) {
    guest.domain().shared_info->evtchn_pending[port.value / 64] &= ~(u64{1} << (port.value % 64));
    guest.vcpu(vcpu).info->evtchn_upcall_pending = 0;
    guest.vcpu(vcpu).info->evtchn_pending_sel = 0;
}
inline void mask(Guest& guest, EvtchnPort port) {
    guest.domain().shared_info->evtchn_mask[port.value / 64] |= u64{1} << (port.value % 64);
}
inline bool upcall_pending(Guest& guest, u32 vcpu = 0) { return guest.vcpu(vcpu).info->evtchn_upcall_pending != 0; }
}  // namespace hosted

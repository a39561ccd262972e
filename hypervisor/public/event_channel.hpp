// SPDX-License-Identifier: MIT
// event_channel_op and virtual interrupt numbers (event_channel.h, xen.h).
#pragma once
#include "public/types.hpp"

namespace abi {
namespace evtchnop {
enum Command : u32 {
    bind_interdomain = 0,
    bind_virq = 1,
    bind_pirq = 2,
    close = 3,
    send = 4,
    status = 5,
    alloc_unbound = 6,
    bind_ipi = 7,
    bind_vcpu = 8,
    unmask = 9,
    reset = 10,
    init_control = 11,
    expand_array = 12,
    set_priority = 13,
};
}  // namespace evtchnop

inline constexpr u32 evtchn_2l_nr_channels = 4096;

namespace virq {
enum Line : u32 {
    timer = 0,
    debug = 1,
    console = 2,
    dom_exc = 3,
    tbuf = 4,
    debugger = 6,
    xenoprof = 7,
    con_ring = 8,
    pcpu_state = 9,
    mem_event = 10,
    argo = 11,
    enomem = 12,
    xenpmu = 13,
    mca = 16,  // VIRQ_ARCH_0
    count = 24,
};

// Per vCPU lines; every other line exists once a domain.
constexpr bool is_per_vcpu(u32 line) { return line == timer || line == debug || line == xenoprof || line == xenpmu; }
}  // namespace virq

struct EvtchnAllocUnbound {
    Domid dom;
    Domid remote_dom;
    EvtchnPort port;
};
static_assert(sizeof(EvtchnAllocUnbound) == 8);

struct EvtchnBindInterdomain {
    Domid remote_dom;
    u16 pad;
    EvtchnPort remote_port;
    EvtchnPort local_port;
};
static_assert(sizeof(EvtchnBindInterdomain) == 12);

struct EvtchnBindVirq {
    u32 virq;
    VcpuId vcpu;
    EvtchnPort port;
};

struct EvtchnBindPirq {
    u32 pirq;
    u32 flags;
    EvtchnPort port;
};
inline constexpr u32 bind_pirq_will_share = 1;

struct EvtchnBindIpi {
    VcpuId vcpu;
    EvtchnPort port;
};

struct EvtchnClose {
    EvtchnPort port;
};

struct EvtchnSend {
    EvtchnPort port;
};

namespace evtchnstat {
enum Status : u32 { closed = 0, unbound = 1, interdomain = 2, pirq = 3, virq = 4, ipi = 5 };
}  // namespace evtchnstat

struct EvtchnStatus {
    Domid dom;
    u16 pad0;
    EvtchnPort port;
    u32 status;
    VcpuId vcpu;
    union {
        struct {
            Domid dom;
            u16 pad[3];
        } unbound;
        struct {
            Domid dom;
            u16 pad;
            EvtchnPort port;
        } interdomain;
        struct {
            u32 line;
            u32 pad;
        } pirq, virq;
    } u;
};
static_assert(sizeof(EvtchnStatus) == 24);

struct EvtchnBindVcpu {
    EvtchnPort port;
    VcpuId vcpu;
};

struct EvtchnUnmask {
    EvtchnPort port;
};

struct EvtchnReset {
    Domid dom;
};

struct EvtchnInitControl {
    Gfn control_gfn;
    u32 offset;
    VcpuId vcpu;
    u8 link_bits;
    u8 pad[7];
};
static_assert(sizeof(EvtchnInitControl) == 24);

struct EvtchnExpandArray {
    Gfn array_gfn;
};

struct EvtchnSetPriority {
    EvtchnPort port;
    u32 priority;
};

// --- FIFO delivery: a word for each port in pages of the guest, and queues of ports linked through them.
namespace fifo {
inline constexpr u32 pending = 1u << 31;
inline constexpr u32 masked = 1u << 30;
inline constexpr u32 linked = 1u << 29;
inline constexpr u32 busy = 1u << 28;
inline constexpr u32 link_bits = 17;
inline constexpr u32 link_mask = (1u << link_bits) - 1;
inline constexpr u32 nr_channels = 1u << link_bits;
inline constexpr u32 queues = 16;  // of a vCPU, by priority: 0 goes first
inline constexpr u32 priority_default = 7;
}  // namespace fifo

struct EvtchnFifoControlBlock {
    u32 ready;  // a bit for each queue that has become not empty
    u32 reserved;
    u32 head[fifo::queues];
};
static_assert(sizeof(EvtchnFifoControlBlock) == 72);
}  // namespace abi

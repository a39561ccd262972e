// SPDX-License-Identifier: MIT
#include "public/event_channel.hpp"

#include <gtest/gtest.h>

#include <xen/event_channel.h>

#include "compare.hpp"

TEST(AbiEventChannel, OperationsAreXens) {
    SAME_VALUE(abi::evtchnop::bind_interdomain, EVTCHNOP_bind_interdomain);
    SAME_VALUE(abi::evtchnop::bind_virq, EVTCHNOP_bind_virq);
    SAME_VALUE(abi::evtchnop::bind_pirq, EVTCHNOP_bind_pirq);
    SAME_VALUE(abi::evtchnop::close, EVTCHNOP_close);
    SAME_VALUE(abi::evtchnop::send, EVTCHNOP_send);
    SAME_VALUE(abi::evtchnop::status, EVTCHNOP_status);
    SAME_VALUE(abi::evtchnop::alloc_unbound, EVTCHNOP_alloc_unbound);
    SAME_VALUE(abi::evtchnop::bind_ipi, EVTCHNOP_bind_ipi);
    SAME_VALUE(abi::evtchnop::bind_vcpu, EVTCHNOP_bind_vcpu);
    SAME_VALUE(abi::evtchnop::unmask, EVTCHNOP_unmask);
    SAME_VALUE(abi::evtchnop::reset, EVTCHNOP_reset);
    SAME_VALUE(abi::evtchnop::init_control, EVTCHNOP_init_control);
    SAME_VALUE(abi::evtchnop::expand_array, EVTCHNOP_expand_array);
    SAME_VALUE(abi::evtchnop::set_priority, EVTCHNOP_set_priority);
    SAME_VALUE(abi::evtchnstat::closed, EVTCHNSTAT_closed);
    SAME_VALUE(abi::evtchnstat::unbound, EVTCHNSTAT_unbound);
    SAME_VALUE(abi::evtchnstat::interdomain, EVTCHNSTAT_interdomain);
    SAME_VALUE(abi::evtchnstat::pirq, EVTCHNSTAT_pirq);
    SAME_VALUE(abi::evtchnstat::virq, EVTCHNSTAT_virq);
    SAME_VALUE(abi::evtchnstat::ipi, EVTCHNSTAT_ipi);
    SAME_VALUE(abi::bind_pirq_will_share, BIND_PIRQ__WILL_SHARE);
    SAME_VALUE(abi::evtchn_2l_nr_channels, EVTCHN_2L_NR_CHANNELS);
    SAME_VALUE(abi::fifo::pending, 1u << EVTCHN_FIFO_PENDING);
    SAME_VALUE(abi::fifo::masked, 1u << EVTCHN_FIFO_MASKED);
    SAME_VALUE(abi::fifo::linked, 1u << EVTCHN_FIFO_LINKED);
    SAME_VALUE(abi::fifo::busy, 1u << EVTCHN_FIFO_BUSY);
    SAME_VALUE(abi::fifo::link_bits, EVTCHN_FIFO_LINK_BITS);
    SAME_VALUE(abi::fifo::link_mask, EVTCHN_FIFO_LINK_MASK);
    SAME_VALUE(abi::fifo::nr_channels, EVTCHN_FIFO_NR_CHANNELS);
    SAME_VALUE(abi::fifo::queues, EVTCHN_FIFO_MAX_QUEUES);
    SAME_VALUE(abi::fifo::priority_default, EVTCHN_FIFO_PRIORITY_DEFAULT);
    SAME_VALUE(abi::virq::timer, VIRQ_TIMER);
    SAME_VALUE(abi::virq::debug, VIRQ_DEBUG);
    SAME_VALUE(abi::virq::console, VIRQ_CONSOLE);
    SAME_VALUE(abi::virq::dom_exc, VIRQ_DOM_EXC);
    SAME_VALUE(abi::virq::tbuf, VIRQ_TBUF);
    SAME_VALUE(abi::virq::debugger, VIRQ_DEBUGGER);
    SAME_VALUE(abi::virq::xenoprof, VIRQ_XENOPROF);
    SAME_VALUE(abi::virq::con_ring, VIRQ_CON_RING);
    SAME_VALUE(abi::virq::pcpu_state, VIRQ_PCPU_STATE);
    SAME_VALUE(abi::virq::mem_event, VIRQ_MEM_EVENT);
    SAME_VALUE(abi::virq::argo, VIRQ_ARGO);
    SAME_VALUE(abi::virq::enomem, VIRQ_ENOMEM);
    SAME_VALUE(abi::virq::xenpmu, VIRQ_XENPMU);
    SAME_VALUE(abi::virq::mca, VIRQ_ARCH_0);
    SAME_VALUE(abi::virq::count, NR_VIRQS);
}

TEST(AbiEventChannel, ArgumentsAreXens) {
    SAME(abi::EvtchnAllocUnbound, evtchn_alloc_unbound, dom, remote_dom, port)
    SAME(abi::EvtchnBindInterdomain, evtchn_bind_interdomain, remote_dom, remote_port, local_port)
    SAME(abi::EvtchnBindVirq, evtchn_bind_virq, virq, vcpu, port)
    SAME(abi::EvtchnBindPirq, evtchn_bind_pirq, pirq, flags, port)
    SAME(abi::EvtchnBindIpi, evtchn_bind_ipi, vcpu, port)
    SAME(abi::EvtchnClose, evtchn_close, port)
    SAME(abi::EvtchnSend, evtchn_send, port)
    SAME(abi::EvtchnStatus, evtchn_status, dom, port, status, vcpu, u, u.unbound.dom, u.interdomain.dom,
         u.interdomain.port)
    SAME_MEMBER_AS(abi::EvtchnStatus, u.pirq.line, evtchn_status, u.pirq)
    SAME_MEMBER_AS(abi::EvtchnStatus, u.virq.line, evtchn_status, u.virq)
    SAME(abi::EvtchnBindVcpu, evtchn_bind_vcpu, port, vcpu)
    SAME(abi::EvtchnUnmask, evtchn_unmask, port)
    SAME(abi::EvtchnReset, evtchn_reset, dom)
    SAME(abi::EvtchnInitControl, evtchn_init_control, control_gfn, offset, vcpu, link_bits)
    SAME(abi::EvtchnExpandArray, evtchn_expand_array, array_gfn)
    SAME(abi::EvtchnSetPriority, evtchn_set_priority, port, priority)
    SAME(abi::EvtchnFifoControlBlock, evtchn_fifo_control_block, ready, head)
}

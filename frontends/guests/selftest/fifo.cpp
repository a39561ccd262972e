// SPDX-License-Identifier: MIT
// FIFO event channels, from the switch to the reset that ends them. Upcalls stay masked: this guest's own handlers know
// only the 2-level arrays, and the reset closes its ports. A guest with a console in dom0 still needs its ports.
#include <atomic>
#include "check.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace selftest {
namespace {
using guest::EvtchnPort;
namespace event = guest::event;
namespace evtchnop = abi::evtchnop;
namespace fifo = abi::fifo;

constexpr u32 control_offset = 256;

struct Pages {
    void* control = guest::memory::allocate();
    void* words = guest::memory::allocate();

    u32 volatile& word(EvtchnPort port) const { return static_cast<u32 volatile*>(words)[port.value]; }
    abi::EvtchnFifoControlBlock volatile& block() const {
        return *reinterpret_cast<abi::EvtchnFifoControlBlock volatile*>(static_cast<std::byte*>(control) +
                                                                        control_offset);
    }
};

i64 init_control(void* page, u32 vcpu, u32 offset) {
    abi::EvtchnInitControl op{};
    op.control_gfn = {guest::memory::mfn_of(page).value};
    op.offset = offset;
    op.vcpu = {vcpu};
    return guest::event_channel_op(evtchnop::init_control, &op);
}

i64 expand_array(void* page) {
    abi::EvtchnExpandArray op{.array_gfn = {guest::memory::mfn_of(page).value}};
    return guest::event_channel_op(evtchnop::expand_array, &op);
}

i64 set_priority(EvtchnPort port, u32 priority) {
    abi::EvtchnSetPriority op{.port = port, .priority = priority};
    return guest::event_channel_op(evtchnop::set_priority, &op);
}

EvtchnPort ipi() {
    abi::EvtchnBindIpi op{.vcpu = {0}, .port = {0}};
    ok(guest::event_channel_op(evtchnop::bind_ipi, &op), "bind_ipi");
    return op.port;
}

// Takes the head of a queue, as event_channel.h says; 0 if it is empty.
u32 take(Pages const& pages, u32& head, u32 queue) {
    if (head == 0) { head = pages.block().head[queue]; }
    u32 const port = head;
    u32 volatile& word = pages.word({port});
    head = word & fifo::link_mask;
    word = word & ~(fifo::linked | fifo::link_mask | fifo::pending);
    return port;
}

void test_order(Pages const& pages, EvtchnPort a, EvtchnPort b, EvtchnPort c) {
    guest::vcpu_info().evtchn_upcall_pending = 0;
    for (EvtchnPort port : {b, c, a, b}) { ok(event::send(port), "sent"); }
    check(guest::vcpu_info().evtchn_upcall_pending != 0, "the upcall is announced");
    equal(pages.block().ready, 1u << fifo::priority_default, "its queue is ready");
    u32 head = 0;
    equal(take(pages, head, fifo::priority_default), b.value, "the first sent comes first");
    equal(take(pages, head, fifo::priority_default), c.value, "then the second");
    equal(take(pages, head, fifo::priority_default), a.value, "then the third");
    equal(head, 0, "and none twice");
    pages.block().ready = 0;

    ok(set_priority(a, 0), "set_priority");
    fails(set_priority(a, 16), Errno::inval, "of which there are 16");
    ok(event::send(b), "sent");
    ok(event::send(a), "sent");
    equal(pages.block().ready, 1u << fifo::priority_default | 1, "two queues are ready");
    head = 0;
    equal(take(pages, head, 0), a.value, "the urgent one is in its own");
    head = 0;
    equal(take(pages, head, fifo::priority_default), b.value, "the other where it was");
    pages.block().ready = 0;
}

void test_masks(Pages const& pages, EvtchnPort port) {
    pages.word(port) = fifo::masked;
    ok(event::send(port), "sent to a masked port");
    equal(pages.word(port), fifo::masked | fifo::pending, "makes it pending, in no queue");
    equal(pages.block().ready, 0, "with none ready");
    abi::SchedPoll poll{.ports = guest::pointer_to(&port), .nr_ports = 1, .pad = 0, .timeout = 0};
    ok(guest::sched_op(abi::schedop::poll, &poll), "polling a pending port returns");
    event::unmask(port);
    equal(pages.word(port), fifo::linked | fifo::pending, "unmask queues it");
    u32 head = 0;
    equal(take(pages, head, fifo::priority_default), port.value, "and there it is");
    pages.block().ready = 0;
}

void test_hostile_words(Pages const& pages, EvtchnPort a, EvtchnPort b) {
    for (u32 nonsense : {~0u, fifo::linked | fifo::link_mask, fifo::busy | fifo::pending, fifo::link_mask}) {
        pages.word(a) = nonsense;
        pages.word(b) = nonsense & ~fifo::linked;
        pages.block().head[fifo::priority_default] = nonsense;
        ok(event::send(a), "sent with nonsense in the words");
        ok(event::send(b), "sent with nonsense in the words");
    }
    pages.word(a) = 0;
    pages.word(b) = 0;
}
}  // namespace

void test_fifo() {
    if (!guest::is_dom0()) { return; }
    event::disable();
    Pages const pages;
    EvtchnPort const early = ipi();
    ok(event::send(early), "sent before the switch");
    fails(expand_array(pages.words), Errno::opnotsupp, "an array without a control block");
    fails(init_control(pages.control, 4000, 0), Errno::noent, "a control block of no vCPU");
    fails(init_control(pages.control, 0, 4), Errno::inval, "a misaligned one");
    fails(init_control(pages.control, 0, guest::page_size - 64), Errno::inval, "one that crosses a page");
    abi::EvtchnInitControl table{};
    table.control_gfn = {guest::page_table::kernel_root().value};
    fails(guest::event_channel_op(evtchnop::init_control, &table), Errno::inval, "one on a page table");
    ok(init_control(pages.control, 0, control_offset), "init_control");
    fails(init_control(pages.control, 0, 0), Errno::inval, "a second one for the vCPU");
    ok(expand_array(pages.words), "expand_array");
    check((pages.word(early) & fifo::pending) != 0, "what was pending still is");
    u32 head = 0;
    while (take(pages, head, fifo::priority_default) != early.value && head != 0) {}
    pages.block().ready = 0;

    EvtchnPort const a = ipi(), b = ipi();
    test_order(pages, a, b, early);
    test_masks(pages, b);
    test_hostile_words(pages, a, b);

    abi::EvtchnReset reset{.dom = {0x7ff0}};
    ok(guest::event_channel_op(evtchnop::reset, &reset), "reset");
    EvtchnPort const after = ipi();
    equal(after.value, 1, "all ports are closed");
    ok(event::send(after), "sent");
    check(event::pending(after), "in the 2-level arrays again");
    event::clear(after);
}
}  // namespace selftest

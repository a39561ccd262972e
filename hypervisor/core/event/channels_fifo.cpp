// SPDX-License-Identifier: MIT
// How a domain comes to FIFO delivery, extends it, and leaves it.
#include "core/event/channels.hpp"
#include "core/event/two_level.hpp"
#include "core/mm/heap.hpp"

namespace hv {
namespace {
// A page of the guest's that is written by us: it cannot become a page table meanwhile.
Result<TypedRef> writable_page(Domain& domain, Mfn mfn) {
    auto typed = get_writable(mfn, domain.id);
    if (!typed && typed.error() != Errno::again) return Errno::inval;
    return typed;
}
}  // namespace

Result<> EventChannels::init_control(abi::EvtchnInitControl& op) {
    if (!domain_.vcpu(op.vcpu)) return Errno::noent;
    if (op.offset % 8 || op.offset > page_size - sizeof(abi::EvtchnFifoControlBlock)) return Errno::inval;
    TypedRef page = TRY(writable_page(domain_, Mfn{op.control_gfn.value}));
    SpinGuard guard{lock_};
    if (domain_.is_dying()) return Errno::inval;
    Fifo* fifo = fifo_.load(std::memory_order_relaxed);
    bool const is_first = !fifo;
    if (is_first) fifo = make<Fifo>(domain_);
    if (!fifo) return Errno::nomem;
    TRY(fifo->add_control_block(op.vcpu, std::move(page), op.offset));
    if (is_first) switch_to(*fifo);
    op.link_bits = abi::fifo::link_bits;
    return {};
}

// Whose lock is held while an event is raised on the channel.
Channel& EventChannels::sending_end(Channel& channel) {
    bool const has_peer = channel.state == Channel::State::interdomain;
    return has_peer ? *channel.peer_domain->events->find(channel.peer_port) : channel;
}

// What is pending is carried over: it is raised again when the words of its port come.
void EventChannels::switch_to(Fifo& fifo) {
    fifo_.store(&fifo, std::memory_order_seq_cst);
    for (u32 number = 1; number < ports_; ++number) {
        EvtchnPort const port{number};
        Channel* const channel = find(port);
        if (!channel) break;
        sending_end(*channel).change([](Channel&) {});  // nobody delivers the old way from here on
        if (two_level::is_pending(domain_, port)) channel->place.early.store(true, std::memory_order_seq_cst);
    }
    allow_ports(abi::fifo::nr_channels);
}

Result<> EventChannels::expand_array(Mfn mfn) {
    if (!uses_fifo()) return Errno::opnotsupp;
    TypedRef page = TRY(writable_page(domain_, mfn));
    SpinGuard guard{lock_};
    Fifo* const fifo = fifo_.load(std::memory_order_relaxed);
    if (!fifo) return Errno::opnotsupp;
    u32 const first = TRY(fifo->add_page(std::move(page)));
    for (u32 number = first; number < first + Fifo::ports_per_page; ++number) {
        Channel* const channel = find(EvtchnPort{number});
        if (!channel || !channel->place.early.exchange(false, std::memory_order_seq_cst)) continue;
        SpinGuard raising{sending_end(*channel).lock};
        if (channel->state != Channel::State::free) raise(EvtchnPort{number}, *channel);
    }
    return {};
}

Result<> EventChannels::set_priority(EvtchnPort port, u32 priority) {
    if (!uses_fifo()) return Errno::nosys;
    Channel* const channel = find(port);
    if (!channel || priority >= abi::fifo::queues) return Errno::inval;
    channel->place.priority.store(static_cast<u8>(priority), std::memory_order_relaxed);
    return {};
}

bool EventChannels::leave_fifo() {
    SpinGuard guard{lock_};
    if (count_open() != 0) return false;
    destroy(fifo_.exchange(nullptr, std::memory_order_seq_cst));
    allow_ports(abi::evtchn_2l_nr_channels);
    lowest_free_ = 1;
    return true;
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// The ports of one domain.
//
// Locks: what a port is bound to changes under the table's lock (of both domains, by domid) and the channel's own lock.
// Sending takes only the channel's lock: while an interdomain channel is held in that state, the peer's table exists,
// because a dying domain first turns all its peers' channels into unbound ones.
#pragma once
#include <array>
#include <optional>
#include "base/index.hpp"
#include "base/lock.hpp"
#include "core/domain.hpp"
#include "core/event/fifo.hpp"
#include "core/event/pirq.hpp"
#include "core/event/two_level.hpp"
#include "core/hal/irq.hpp"
#include "public/event_channel.hpp"

namespace hv {
struct Channel {
    enum class State : u8 { free, unbound, interdomain, pirq, virq, ipi };  // as abi::evtchnstat

    Spinlock<LockRank::channel> lock;
    State state = State::free;
    Domid peer{};              // unbound: who may bind
    EvtchnPort peer_port{};    // interdomain
    u32 line = 0;              // virq or pirq number
    std::atomic<u32> vcpu{0};  // whom an event on this port notifies: read when it is pending or unmasked, not before
    FifoPlace place;
    Domain* peer_domain = nullptr;  // interdomain

    // Changes what senders see, at once.
    template <class F>
    void change(F&& to) {
        SpinGuard guard{lock};
        to(*this);
    }
};
static_assert(sizeof(Channel) == 32);

class EventChannels {
public:
    explicit EventChannels(Domain& domain);
    ~EventChannels();
    EventChannels(EventChannels const&) = delete;

    Result<EvtchnPort> alloc_unbound(Domid who_may_bind);
    Result<EvtchnPort> bind_interdomain(Domain& remote, EvtchnPort remote_port);
    Result<EvtchnPort> bind_virq(u32 virq, VcpuId vcpu);
    Result<EvtchnPort> bind_ipi(VcpuId vcpu);
    Result<EvtchnPort> bind_pirq(u32 pirq);
    Result<> bind_vcpu(EvtchnPort port, VcpuId vcpu);
    Result<> close(EvtchnPort port);
    bool close_all();  // false if preempted
    bool end();        // of a dying domain: peers become unbound. The same
    Result<> send(EvtchnPort port);
    Result<> unmask(EvtchnPort port);
    Result<abi::EvtchnStatus> status(EvtchnPort port);
    Result<> init_control(abi::EvtchnInitControl& op);  // the first one switches to FIFO delivery
    Result<> expand_array(Mfn page);
    Result<> set_priority(EvtchnPort port, u32 priority);
    bool leave_fifo();  // back to 2-level delivery; false while there are open ports

    void raise_virq(u32 virq, VcpuId vcpu);
    Vcpu* raise_pirq(u32 pirq);  // whom it notified
    void add_poller(Vcpu const& vcpu) { pollers_.set(vcpu.id.value); }
    bool is_valid(EvtchnPort port) const { return find(port) != nullptr; }
    bool is_pending(EvtchnPort port);
    bool uses_fifo() const { return fifo_.load(std::memory_order_acquire) != nullptr; }
    template <class F>
    void for_each_fifo_page(F&& visit) {  // under the lock, which keeps them
        SpinGuard guard{lock_};
        if (Fifo const* const fifo = fifo_.load(std::memory_order_relaxed)) fifo->for_each_page(visit);
    }
    PirqTable& pirqs() { return pirqs_; }
    void map_gsi(u32 gsi);  // below PirqTable::size; again changes nothing
    Result<u32> map_msi(std::optional<u32> wanted, hal::MsiSource const& source);
    Result<> wire_gsi(u32 gsi, bool level, bool active_low);
    Result<> unmap_pirq(u32 pirq);                    // busy while bound
    Result<> show_pirq_ends(Mfn page, bool unmasks);  // busy: it is done already
    u32 open_ports();                                 // for tests

private:
    static constexpr u32 channels_per_bucket = page_size / sizeof(Channel);
    static constexpr u32 buckets = abi::fifo::nr_channels / channels_per_bucket;
    static constexpr std::array per_vcpu_virqs{abi::virq::timer, abi::virq::debug, abi::virq::xenoprof,
                                               abi::virq::xenpmu};

    Channel* find(EvtchnPort port) const {  // null: no such port
        u32 index = port.value;
        if (index == 0 || !check_index(index, ports_.load(std::memory_order_relaxed))) return nullptr;
        Channel* const bucket = buckets_.data()[index / channels_per_bucket].load(std::memory_order_acquire);
        return bucket ? &bucket[index % channels_per_bucket] : nullptr;
    }
    Result<EvtchnPort> find_free();  // under the lock; the channel exists and is free
    Result<EvtchnPort> open(Channel::State state, Domid peer, u32 line = 0,
                            VcpuId vcpu = {});  // the same, and takes it
    void release(EvtchnPort port);              // under the lock: the port is free, its pending bit clear
    std::atomic<u32>* virq_slot(u32 virq, VcpuId vcpu);
    Result<> close_local(EvtchnPort port, Channel& channel);
    void raise(EvtchnPort port, Channel& channel);
    void raise_inline(EvtchnPort port, Channel& channel);
    void allow_ports(u32 count);
    void switch_to(Fifo& fifo);
    Channel& sending_end(Channel& channel);
    u32 count_open() const;
    void wake_pollers(EvtchnPort port);

    Domain& domain_;
    Spinlock<LockRank::event_table> lock_;
    std::atomic<Fifo*> fifo_{nullptr};  // null: 2-level delivery. Changes only while no port is open, and from null
    std::atomic<u32> ports_;            // numbers below this may be used
    u32 lowest_free_ = 1;               // none below is free; 0 never is a port
    std::atomic<u32> close_cursor_{1};  // where an interrupted close_all goes on
    std::array<std::atomic<Channel*>, buckets> buckets_{};
    std::array<std::atomic<u32>, abi::virq::count> global_virq_ports_{};
    std::array<std::array<std::atomic<u32>, per_vcpu_virqs.size()>, max_vcpus_per_domain> vcpu_virq_ports_{};
    AtomicBitmap<max_vcpus_per_domain> pollers_;
    PirqTable pirqs_;  // what is mapped and bound changes under the lock
};

// With the lock of the channel that sends: that keeps this one bound, and delivery as it is. Whom to tell may change
// meanwhile, so the event comes first and the look at that afterwards: a guest that masks the port, binds it to another
// vCPU and unmasks it finds the event there, or whoever sends finds that vCPU.
[[gnu::always_inline]] inline void EventChannels::raise_inline(EvtchnPort port, Channel& channel) {
    if (Fifo* const fifo = fifo_.load(std::memory_order_acquire)) {
        if (!fifo->raise(port, channel.place, channel.vcpu)) return;
    } else {
        if (!two_level::set_pending(domain_, port)) return;
        two_level::signal(domain_, port, channel.vcpu);
    }
    if (!pollers_.empty()) [[unlikely]]
        wake_pollers(port);
}

// In line where the hypercall is decoded.
[[gnu::always_inline]] inline Result<> EventChannels::send(EvtchnPort port) {
    Channel* const channel = find(port);
    if (!channel) return Errno::inval;
    SpinGuard guard{channel->lock};
    EventChannels* receiver = this;
    Channel* end = channel;
    if (channel->state == Channel::State::interdomain) {
        receiver = channel->peer_domain->events;
        port = channel->peer_port;
        end = receiver->find(port);
    } else if (channel->state != Channel::State::ipi) {
        if (channel->state == Channel::State::unbound) return {};  // nobody listens: dropped
        return Errno::inval;
    }
    receiver->raise_inline(port, *end);
    return {};
}
}  // namespace hv

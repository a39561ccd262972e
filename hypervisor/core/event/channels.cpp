// SPDX-License-Identifier: MIT
#include "core/event/channels.hpp"
#include <algorithm>
#include <memory>
#include <optional>
#include "core/hal/cpu.hpp"
#include "core/hal/irq.hpp"
#include "core/mm/heap.hpp"
#include "core/sched/scheduler.hpp"

namespace hv {
namespace {
// Among the table locks: in order of domain id.
u32 place_of(Domain const& domain) { return domain.id.value + 1u; }
}  // namespace

EventChannels::EventChannels(Domain& domain) : domain_{domain} { allow_ports(abi::evtchn_2l_nr_channels); }

EventChannels::~EventChannels() {
    destroy(fifo_.load(std::memory_order_relaxed));
    for (auto& bucket : buckets_) free_heap(reinterpret_cast<std::byte*>(bucket.load(std::memory_order_relaxed)), 0);
}

void EventChannels::allow_ports(u32 count) { ports_ = std::min(domain_.max_event_channels, count - 1) + 1; }

Result<EvtchnPort> EventChannels::find_free() {
    if (domain_.is_dying()) return Errno::inval;
    for (; lowest_free_ < ports_; ++lowest_free_) {
        auto& bucket = buckets_[lowest_free_ / channels_per_bucket];
        if (!bucket.load(std::memory_order_relaxed)) {
            std::byte* const memory = alloc_heap(0);
            if (!memory) return Errno::nomem;
            auto* const channels = reinterpret_cast<Channel*>(memory);
            for (u32 i = 0; i < channels_per_bucket; ++i) std::construct_at(&channels[i]);
            bucket.store(channels, std::memory_order_release);
        }
        if (find(EvtchnPort{lowest_free_})->state == Channel::State::free) return EvtchnPort{lowest_free_};
    }
    return Errno::nospc;
}

void EventChannels::release(EvtchnPort port) {
    find(port)->change([](Channel& channel) {
        channel.state = Channel::State::free;
        channel.peer_domain = nullptr;
        channel.vcpu.store(0, std::memory_order_relaxed);
        channel.place.priority.store(abi::fifo::priority_default, std::memory_order_relaxed);
    });
    // Whoever gets the number next starts clean.
    if (Fifo* const fifo = fifo_.load(std::memory_order_relaxed)) fifo->clear_pending(port, find(port)->place);
    else two_level::clear_pending(domain_, port);
    lowest_free_ = std::min(lowest_free_, port.value);
}

[[gnu::always_inline]] inline Result<EvtchnPort> EventChannels::open(Channel::State state, Domid peer, u32 line,
                                                                     VcpuId vcpu) {
    EvtchnPort const port = TRY(find_free());
    find(port)->change([&](Channel& channel) {
        channel.state = state;
        channel.peer = peer;
        channel.line = line;
        channel.vcpu.store(vcpu.value, std::memory_order_relaxed);
    });
    return port;
}

Result<EvtchnPort> EventChannels::alloc_unbound(Domid who_may_bind) {
    SpinGuard guard{lock_};
    return open(Channel::State::unbound, who_may_bind);
}

Result<EvtchnPort> EventChannels::bind_interdomain(Domain& remote, EvtchnPort remote_port) {
    EventChannels& theirs = *remote.events;
    BothGuard locks{lock_, place_of(domain_), theirs.lock_, place_of(remote)};
    EvtchnPort const port = TRY(find_free());
    Channel* const peer = theirs.find(remote_port);
    if (!peer || peer->state != Channel::State::unbound || peer->peer != domain_.id || remote.is_dying())
        return Errno::inval;

    Channel& ours = *find(port);
    ours.change([&](Channel& channel) {
        channel.peer_domain = &remote;
        channel.peer_port = remote_port;
        channel.state = Channel::State::interdomain;
    });
    peer->change([&](Channel& channel) {
        channel.peer_domain = &domain_;
        channel.peer_port = port;
        channel.state = Channel::State::interdomain;
    });
    raise(port, ours);  // what the peer sent while it was unbound is lost: let the domain look once
    return port;
}

std::atomic<u32>* EventChannels::virq_slot(u32 virq, VcpuId vcpu) {
    if (virq >= abi::virq::count) return nullptr;
    if (!abi::virq::is_per_vcpu(virq)) return &global_virq_ports_[index_nospec(virq, global_virq_ports_.size())];
    for (usize i = 0; i < per_vcpu_virqs.size(); ++i)
        if (per_vcpu_virqs[i] == virq) return &vcpu_virq_ports_[index_nospec(vcpu.value, vcpu_virq_ports_.size())][i];
    return nullptr;
}

Result<EvtchnPort> EventChannels::bind_virq(u32 virq, VcpuId vcpu) {
    if (virq >= abi::virq::count || (!abi::virq::is_per_vcpu(virq) && vcpu.value != 0)) return Errno::inval;
    if (!domain_.vcpu(vcpu)) return Errno::noent;
    std::atomic<u32>& slot = *virq_slot(virq, vcpu);
    SpinGuard guard{lock_};
    if (slot.load(std::memory_order_relaxed)) return Errno::exist;
    EvtchnPort const port = TRY(open(Channel::State::virq, {}, virq, vcpu));
    slot.store(port.value, std::memory_order_release);
    return port;
}

Result<EvtchnPort> EventChannels::bind_ipi(VcpuId vcpu) {
    if (!domain_.vcpu(vcpu)) return Errno::noent;
    SpinGuard guard{lock_};
    return open(Channel::State::ipi, {}, 0, vcpu);
}

// A number is mapped when there is an interrupt behind it, and no longer.
void EventChannels::map_gsi(u32 gsi) {
    SpinGuard guard{lock_};
    if (pirqs_.find(gsi)) return;
    hal::connect_gsi(gsi, gsi);
    pirqs_.set_mapped(gsi, true);
}

Result<u32> EventChannels::map_msi(std::optional<u32> wanted, hal::MsiSource const& source) {
    SpinGuard guard{lock_};
    u32 const pirq = TRY(pirqs_.choose(wanted, hal::gsi_count()));
    TRY(hal::connect_msi(pirq, source));
    pirqs_.set_mapped(pirq, true);
    return pirq;
}

Result<> EventChannels::wire_gsi(u32 gsi, bool level, bool active_low) {
    SpinGuard guard{lock_};
    if (!pirqs_.find(gsi)) return Errno::inval;
    return hal::wire_gsi(gsi, level, active_low);
}

Result<> EventChannels::unmap_pirq(u32 pirq) {
    SpinGuard guard{lock_};
    Pirq const* const entry = pirqs_.find(pirq);
    if (!entry) return Errno::inval;
    if (entry->port.load(std::memory_order_relaxed)) return Errno::busy;
    pirqs_.set_mapped(pirq, false);
    hal::disconnect_irq(pirq);
    return {};
}

Result<EvtchnPort> EventChannels::bind_pirq(u32 pirq) {
    SpinGuard guard{lock_};
    Pirq* const entry = pirqs_.find(pirq);
    if (!entry) return Errno::inval;
    if (entry->port.load(std::memory_order_relaxed)) return Errno::exist;
    EvtchnPort const port = TRY(find_free());
    TRY(hal::prepare_irq(pirq));  // from here on nothing can fail
    find(port)->change([&](Channel& channel) {
        channel.state = Channel::State::pirq;
        channel.line = pirq;
    });
    entry->needs_eoi.store(false, std::memory_order_relaxed);
    pirqs_.ends.show(pirq, hal::irq_needs_end(pirq));
    entry->port.store(port.value, std::memory_order_release);  // before the first one comes
    hal::enable_irq(pirq);
    return port;
}

Result<> EventChannels::show_pirq_ends(Mfn mfn, bool unmasks) {
    auto page = get_writable(mfn, domain_.id);
    if (!page) return page.error() == Errno::again ? Errno::again : Errno::inval;
    SpinGuard guard{lock_};
    if (domain_.is_dying()) return Errno::inval;
    if (!pirqs_.ends.begin(*std::move(page), unmasks)) return Errno::busy;
    for (u32 pirq = 0; pirq < PirqTable::size; ++pirq) {
        Pirq const* const entry = pirqs_.find(pirq);
        if (entry && entry->port.load(std::memory_order_relaxed)) pirqs_.ends.show(pirq, hal::irq_needs_end(pirq));
    }
    return {};
}

Result<> EventChannels::bind_vcpu(EvtchnPort port, VcpuId vcpu) {
    if (!domain_.vcpu(vcpu)) return Errno::noent;
    SpinGuard guard{lock_};
    Channel* const channel = find(port);
    if (!channel) return Errno::inval;
    switch (channel->state) {
        case Channel::State::virq:
            if (abi::virq::is_per_vcpu(channel->line)) return Errno::inval;
            break;
        case Channel::State::unbound:
        case Channel::State::interdomain:
        case Channel::State::pirq: break;
        case Channel::State::free:
        case Channel::State::ipi: return Errno::inval;
    }
    // Whoever is about to link an event to the former one has come to its end when this returns.
    sending_end(*channel).change([&](Channel&) { channel->vcpu.store(vcpu.value, std::memory_order_seq_cst); });
    return {};
}

// Under the table's lock; everything but interdomain.
Result<> EventChannels::close_local(EvtchnPort port, Channel& channel) {
    switch (channel.state) {
        case Channel::State::free: return Errno::inval;
        case Channel::State::virq:
            virq_slot(channel.line, VcpuId{channel.vcpu.load(std::memory_order_relaxed)})
                ->store(0, std::memory_order_release);
            break;
        case Channel::State::pirq:
            hal::disable_irq(channel.line);
            if (Pirq* pirq = pirqs_.find(channel.line)) pirq->port.store(0, std::memory_order_release);
            pirqs_.ends.show(channel.line, false);
            break;
        case Channel::State::unbound:
        case Channel::State::interdomain:
        case Channel::State::ipi: break;
    }
    release(port);
    return {};
}

Result<> EventChannels::close(EvtchnPort port) {
    Channel* const channel = find(port);
    if (!channel) return Errno::inval;
    for (;;) {
        std::optional<DomainRef> remote;
        {
            SpinGuard guard{lock_};
            if (channel->state != Channel::State::interdomain) return close_local(port, *channel);
            remote.emplace(*channel->peer_domain);  // alive as long as the channel is bound
        }
        BothGuard locks{lock_, place_of(domain_), (*remote)->events->lock_, place_of(**remote)};
        if (channel->state != Channel::State::interdomain || channel->peer_domain != &**remote) continue;  // rebound
        (*remote)->events->find(channel->peer_port)->change([&](Channel& peer) {
            peer.state = Channel::State::unbound;
            peer.peer = domain_.id;
            peer.peer_domain = nullptr;
        });
        release(port);
        return {};
    }
}

bool EventChannels::close_all() {
    for (u32 port = close_cursor_; port < ports_; ++port) {
        if (!find(EvtchnPort{port})) port |= channels_per_bucket - 1;  // nothing in this bucket
        else (void)close(EvtchnPort{port});
        if (port % channels_per_bucket == channels_per_bucket - 1 && hal::should_preempt()) {
            close_cursor_ = port + 1;
            return false;
        }
    }
    close_cursor_ = 1;
    return true;
}

bool EventChannels::end() {
    if (!close_all() || !leave_fifo()) return false;
    pirqs_.ends.end();
    return true;
}

void EventChannels::raise(EvtchnPort port, Channel& channel) { raise_inline(port, channel); }

Result<> EventChannels::unmask(EvtchnPort port) {
    Channel* const channel = find(port);
    if (!channel) return Errno::inval;
    SpinGuard guard{channel->lock};
    if (channel->state == Channel::State::free) return {};
    if (Fifo* const fifo = fifo_.load(std::memory_order_acquire)) fifo->unmask(port, channel->place, channel->vcpu);
    else two_level::unmask(domain_, port, channel->vcpu);
    return {};
}

bool EventChannels::is_pending(EvtchnPort port) {
    Channel* const channel = find(port);
    if (!channel) return false;
    SpinGuard guard{channel->lock};
    if (channel->state == Channel::State::free) return false;
    Fifo* const fifo = fifo_.load(std::memory_order_acquire);
    return fifo ? fifo->is_pending(port, channel->place) : two_level::is_pending(domain_, port);
}

Result<abi::EvtchnStatus> EventChannels::status(EvtchnPort port) {
    abi::EvtchnStatus status{};
    status.port = port;
    if (port.value == 0) return status;  // nobody's, and closed: tools list ports from there on
    Channel* const channel = find(port);
    if (!channel) return Errno::inval;
    SpinGuard guard{lock_};
    status.vcpu = VcpuId{channel->vcpu.load(std::memory_order_relaxed)};
    status.status = static_cast<u32>(channel->state);
    switch (channel->state) {
        case Channel::State::unbound: status.u.unbound.dom = channel->peer; break;
        case Channel::State::interdomain:
            status.u.interdomain.dom = channel->peer_domain->id;
            status.u.interdomain.port = channel->peer_port;
            break;
        case Channel::State::pirq: status.u.pirq.line = channel->line; break;
        case Channel::State::virq: status.u.virq.line = channel->line; break;
        default: break;
    }
    return status;
}

// Pollers have their events masked: they wait for the pending bit itself. The bit of one that was woken otherwise is
// still set; that costs it a look at its port, not an event.
[[gnu::noinline]] void EventChannels::wake_pollers(EvtchnPort port) {
    pollers_.for_each([&](u32 id) {
        Vcpu* const vcpu = domain_.vcpu(VcpuId{id});
        u32 const waits_for = vcpu->poll_port.load(std::memory_order_seq_cst);
        if (waits_for != 0 && waits_for != port.value) return;
        pollers_.clear(id);
        sched::wake(*vcpu);
    });
}

void EventChannels::raise_virq(u32 virq, VcpuId vcpu) {
    std::atomic<u32>* const slot = virq_slot(virq, vcpu);
    u32 const port = slot ? slot->load(std::memory_order_acquire) : 0;
    if (port == 0) return;
    Channel* const channel = find(EvtchnPort{port});
    if (!channel) return;
    SpinGuard guard{channel->lock};
    if (channel->state == Channel::State::virq && channel->line == virq) raise(EvtchnPort{port}, *channel);
}

Vcpu* EventChannels::raise_pirq(u32 pirq) {
    Pirq* const entry = pirqs_.find(pirq);
    u32 const port = entry ? entry->port.load(std::memory_order_acquire) : 0;
    if (port == 0) return nullptr;
    Channel* const channel = find(EvtchnPort{port});
    if (!channel) return nullptr;
    SpinGuard guard{channel->lock};
    if (channel->state != Channel::State::pirq || channel->line != pirq) return nullptr;
    entry->needs_eoi.store(true, std::memory_order_relaxed);
    raise(EvtchnPort{port}, *channel);
    return domain_.vcpu(VcpuId{channel->vcpu.load(std::memory_order_relaxed)});
}

u32 EventChannels::open_ports() {
    SpinGuard guard{lock_};
    return count_open();
}

u32 EventChannels::count_open() const {
    u32 count = 0;
    for (u32 port = 1; port < ports_; ++port) {
        Channel const* const channel = find(EvtchnPort{port});
        if (!channel) port |= channels_per_bucket - 1;
        else if (channel->state != Channel::State::free) ++count;
    }
    return count;
}
}  // namespace hv

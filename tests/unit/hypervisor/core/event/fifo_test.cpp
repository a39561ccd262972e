// SPDX-License-Identifier: MIT
// FIFO delivery, seen by a guest that consumes events as event_channel.h tells it to, and by one that does not.
#include "core/event/channels.hpp"
#include "event_guest.hpp"

#include <random>

namespace hosted {
namespace {
namespace fifo = abi::fifo;

constexpr u64 control_pfn = 8;
constexpr u64 first_array_pfn = 10;
constexpr u32 control_offset = 128;

i64 init_control(Guest& guest, u32 vcpu = 0, u64 pfn = control_pfn, u32 offset = control_offset) {
    abi::EvtchnInitControl op{
        .control_gfn = Gfn{guest.mfn(pfn).value}, .offset = offset, .vcpu = VcpuId{vcpu}, .link_bits = 0, .pad = {}};
    i64 const result = event_op(guest, abi::evtchnop::init_control, op);
    EXPECT_EQ(op.link_bits, result == 0 ? fifo::link_bits : 0);
    return result;
}

i64 expand_array(Guest& guest, u64 pfn = first_array_pfn) {
    abi::EvtchnExpandArray op{.array_gfn = Gfn{guest.mfn(pfn).value}};
    return event_op(guest, abi::evtchnop::expand_array, op);
}

i64 set_priority(Guest& guest, EvtchnPort port, u32 priority) {
    abi::EvtchnSetPriority op{.port = port, .priority = priority};
    return event_op(guest, abi::evtchnop::set_priority, op);
}

i64 bind_vcpu(Guest& guest, EvtchnPort port, u32 vcpu) {
    abi::EvtchnBindVcpu op{.port = port, .vcpu = VcpuId{vcpu}};
    return event_op(guest, abi::evtchnop::bind_vcpu, op);
}

i64 reset(Guest& guest) {
    abi::EvtchnReset op{.dom = abi::domid_self};
    return event_op(guest, abi::evtchnop::reset, op);
}

// A guest with FIFO delivery for 1024 ports, and the guest's half of the protocol.
class FifoGuest {
public:
    explicit FifoGuest(World& world, u32 vcpus = 1) : guest{world.add_guest(64, vcpus)} {
        for (u32 i = 0; i < vcpus; ++i) EXPECT_EQ(init_control(guest, i, control_pfn, control_offset * (i + 1)), 0);
        EXPECT_EQ(expand_array(guest), 0);
    }

    u32& word(EvtchnPort port) { return reinterpret_cast<u32*>(guest.frame(first_array_pfn))[port.value]; }
    abi::EvtchnFifoControlBlock& control(u32 vcpu = 0) {
        auto* page = reinterpret_cast<std::byte*>(guest.frame(control_pfn));
        return *reinterpret_cast<abi::EvtchnFifoControlBlock*>(page + control_offset * (vcpu + 1));
    }
    // All that is queued for a vCPU, in the order in which it comes.
    std::vector<u32> consume(u32 vcpu = 0) {
        std::vector<u32> ports;
        guest.vcpu(vcpu).info->evtchn_upcall_pending = 0;
        while (u32 const ready = std::exchange(control(vcpu).ready, 0)) {
            for (u32 queue = 0; queue < fifo::queues; ++queue) {
                if (!(ready >> queue & 1)) continue;
                for (u32 port = control(vcpu).head[queue]; port != 0;) {
                    u32& at = word(EvtchnPort{port});
                    EXPECT_TRUE(at & fifo::linked);
                    u32 const next = at & fifo::link_mask;
                    at &= ~(fifo::linked | fifo::link_mask);
                    if (at & fifo::pending && !(at & fifo::masked)) ports.push_back(port);
                    at &= ~fifo::pending;
                    port = next;
                }
            }
        }
        return ports;
    }
    EvtchnPort ipi(u32 vcpu = 0) { return bind_ipi(guest, vcpu); }
    void send_all(std::initializer_list<EvtchnPort> ports) {
        for (EvtchnPort port : ports) EXPECT_EQ(send(guest, port), 0);
    }

    Guest& guest;
};

using Ports = std::vector<u32>;

TEST(Fifo, RefusesWhatCannotBeAControlBlock) {
    World world;
    Guest& guest = world.add_guest(64, 2);
    Guest& other = world.add_guest();
    EXPECT_EQ(expand_array(guest), err(Errno::opnotsupp));
    EXPECT_EQ(set_priority(guest, bind_ipi(guest, 0), 3), err(Errno::nosys));
    EXPECT_EQ(init_control(guest, 2), err(Errno::noent));
    EXPECT_EQ(init_control(guest, 0, control_pfn, 4), err(Errno::inval));
    EXPECT_EQ(init_control(guest, 0, control_pfn, page_size - 64), err(Errno::inval));
    EXPECT_EQ(init_control(guest, 0, 3), err(Errno::inval)) << "a page table";
    guest.set_mfn(control_pfn, other.mfn(control_pfn));
    EXPECT_EQ(init_control(guest, 0), err(Errno::inval)) << "another's page";
    guest.set_mfn(control_pfn, Mfn{u64{1} << 40});
    EXPECT_EQ(init_control(guest, 0), err(Errno::inval));
    EXPECT_EQ(send(guest, EvtchnPort{1}), 0) << "still 2-level";
    EXPECT_TRUE(pending(guest, EvtchnPort{1}));
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(Fifo, EachVcpuHasOneControlBlock) {
    World world;
    FifoGuest it{world, 2};
    EXPECT_EQ(init_control(it.guest, 1, control_pfn + 1), err(Errno::inval));
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(Fifo, EventsComeInOrder) {
    World world;
    FifoGuest it{world};
    EvtchnPort const a = it.ipi(), b = it.ipi(), c = it.ipi();
    it.send_all({c, a, b, a});
    EXPECT_TRUE(upcall_pending(it.guest));
    EXPECT_EQ(it.control().ready, 1u << fifo::priority_default);
    EXPECT_EQ(it.consume(), (Ports{c.value, a.value, b.value}));
    EXPECT_FALSE(upcall_pending(it.guest));
    it.send_all({b, b});
    EXPECT_EQ(it.consume(), Ports{b.value});
    it.send_all({b, c});
    EXPECT_EQ(it.consume(), (Ports{b.value, c.value}));
}

TEST(Fifo, PrioritiesHaveQueuesOfTheirOwn) {
    World world;
    FifoGuest it{world};
    EvtchnPort const low = it.ipi(), urgent = it.ipi(), normal = it.ipi();
    EXPECT_EQ(set_priority(it.guest, low, 15), 0);
    EXPECT_EQ(set_priority(it.guest, urgent, 0), 0);
    EXPECT_EQ(set_priority(it.guest, urgent, 16), err(Errno::inval));
    EXPECT_EQ(set_priority(it.guest, EvtchnPort{4000}, 1), err(Errno::inval));
    it.send_all({low, normal, urgent});
    EXPECT_EQ(it.consume(), (Ports{urgent.value, normal.value, low.value}));
}

TEST(Fifo, MaskedEventsWaitForUnmask) {
    World world;
    FifoGuest it{world};
    EvtchnPort const port = it.ipi();
    it.word(port) |= fifo::masked;
    it.send_all({port});
    EXPECT_EQ(it.word(port), fifo::pending | fifo::masked);
    EXPECT_FALSE(upcall_pending(it.guest));
    EXPECT_EQ(unmask(it.guest, port), 0);
    EXPECT_EQ(it.consume(), Ports{port.value});
    EXPECT_EQ(unmask(it.guest, port), 0);
    EXPECT_EQ(it.consume(), Ports{});
}

TEST(Fifo, AnEventMovesToAnotherQueueOnlyWhenItIsInNone) {
    World world;
    FifoGuest it{world, 2};
    EvtchnPort const theirs = alloc_unbound(it.guest, it.guest.id());
    EvtchnPort moving{};
    ASSERT_EQ(bind_interdomain(it.guest, it.guest.id(), theirs, &moving), 0);
    EvtchnPort const other = it.ipi(), third = it.ipi();
    EXPECT_EQ(it.consume(), Ports{moving.value});

    it.send_all({other, theirs});
    EXPECT_EQ(bind_vcpu(it.guest, moving, 1), 0);
    it.send_all({theirs, third});
    EXPECT_EQ(it.consume(), (Ports{other.value, moving.value, third.value}));
    EXPECT_EQ(it.consume(1), Ports{});

    // Now it goes to the other vCPU, and the queue that it was the tail of goes on without it.
    it.send_all({theirs});
    EXPECT_EQ(it.consume(1), Ports{moving.value});
    EXPECT_EQ(bind_vcpu(it.guest, moving, 0), 0);
    it.send_all({theirs});
    EXPECT_EQ(bind_vcpu(it.guest, moving, 1), 0);
    EXPECT_EQ(it.consume(), Ports{moving.value});
    it.send_all({theirs, other});
    EXPECT_EQ(it.word(moving) & fifo::link_mask, 0u) << "the other vCPU's queue is not appended to";
    EXPECT_EQ(it.consume(), Ports{other.value});
    EXPECT_EQ(it.consume(1), Ports{moving.value});
}

TEST(Fifo, PendingEventsAreCarriedOver) {
    World world;
    Guest& guest = world.add_guest();
    EvtchnPort const a = bind_ipi(guest, 0), b = bind_ipi(guest, 0), c = bind_ipi(guest, 0);
    mask(guest, a);
    EXPECT_EQ(send(guest, a), 0);
    EXPECT_EQ(send(guest, c), 0);
    ASSERT_EQ(init_control(guest), 0);
    EXPECT_EQ(send(guest, b), 0);
    ASSERT_EQ(expand_array(guest), 0);
    u32 const* const words = reinterpret_cast<u32*>(guest.frame(first_array_pfn));
    for (EvtchnPort port : {a, b, c}) EXPECT_TRUE(words[port.value] & fifo::pending) << port.value;
    EXPECT_TRUE(upcall_pending(guest));
}

TEST(Fifo, PortsGoFarBeyond2Level) {
    World world;
    Guest& guest = world.add_guest(256);
    ASSERT_EQ(init_control(guest), 0);
    for (u64 page = 0; page < Fifo::max_pages; ++page) ASSERT_EQ(expand_array(guest, first_array_pfn + page), 0);
    EXPECT_EQ(expand_array(guest, first_array_pfn + Fifo::max_pages), err(Errno::nospc));
    for (u32 port = 1; port < 5000; ++port) ASSERT_EQ(bind_ipi(guest, 0), EvtchnPort{port});
    EXPECT_EQ(send(guest, EvtchnPort{4999}), 0);
    EXPECT_TRUE(reinterpret_cast<u32*>(guest.frame(first_array_pfn + 4))[4999 % 1024] & fifo::pending);
    EXPECT_EQ(world.mismatches(), 0u);
    EXPECT_EQ(reset(guest), 0);
    EXPECT_EQ(guest.domain().events->open_ports(), 0u);
    EXPECT_EQ(bind_ipi(guest, 0), EvtchnPort{1});
}

TEST(Fifo, ResetGivesThePagesBackAndReturnsTo2Level) {
    World world;
    FifoGuest it{world};
    EvtchnPort const port = it.ipi();
    it.send_all({port});
    EXPECT_EQ(it.guest.protect(control_pfn), 0);
    EXPECT_NE(it.guest.pin(1, it.guest.mfn(control_pfn)), 0) << "it is written by the hypervisor";
    EXPECT_EQ(reset(it.guest), 0);
    std::memset(it.guest.frame(control_pfn), 0, page_size);
    EXPECT_EQ(it.guest.pin(1, it.guest.mfn(control_pfn)), 0);
    EXPECT_EQ(it.guest.unpin(it.guest.mfn(control_pfn)), 0);
    EXPECT_EQ(world.mismatches(), 0u);
    EXPECT_EQ(bind_ipi(it.guest, 0), port);
    it.send_all({port});
    EXPECT_TRUE(pending(it.guest, port));
}

TEST(Fifo, ADyingDomainLetsGoOfItsPages) {
    World world;
    FifoGuest it{world};
    it.send_all({it.ipi()});
    world.destroy(it.guest);
    EXPECT_EQ(world.mismatches(), 0u);
}

TEST(Fifo, AClosedPortIsNotPendingForWhoGetsItNext) {
    World world;
    FifoGuest it{world};
    EvtchnPort const port = it.ipi();
    it.send_all({port});
    EXPECT_EQ(close_port(it.guest, port), 0);
    EXPECT_EQ(it.ipi(), port);
    EXPECT_FALSE(it.guest.domain().events->is_pending(port));
    EXPECT_EQ(it.consume(), Ports{});
    it.send_all({port});
    EXPECT_EQ(it.consume(), Ports{port.value});
}

// Whatever the guest writes into words and control blocks, sending does not fail and nobody else is touched.
TEST(Fifo, HostileWordsHarmNobodyElse) {
    World world;
    FifoGuest it{world, 2};
    std::vector<EvtchnPort> ports;
    for (u32 i = 0; i < 8; ++i) ports.push_back(it.ipi(i % 2));
    std::mt19937 random{7};
    for (u32 i = 0; i < 20'000; ++i) {
        EvtchnPort const port = ports[random() % ports.size()];
        switch (random() % 6) {
            case 0: it.word(port) = static_cast<u32>(random()); break;
            case 1: it.word(port) &= ~fifo::linked; break;
            case 2:
                reinterpret_cast<u32*>(&it.control(random() % 2))[random() % 18] = static_cast<u32>(random());
                break;
            case 3: EXPECT_EQ(unmask(it.guest, port), 0); break;
            case 4: EXPECT_EQ(set_priority(it.guest, port, random() % 16), 0); break;
            default: EXPECT_EQ(send(it.guest, port), 0);
        }
    }
    EXPECT_EQ(world.mismatches(), 0u);
}
}  // namespace
}  // namespace hosted

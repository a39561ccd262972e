// SPDX-License-Identifier: MIT
// Two vCPUs of each of two guests make hypercalls at once, each vCPU a thread: page types, tables, grants and events of
// the same few frames. ThreadSanitizer finds what is not ordered, the audit what was counted wrong.
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "core/mm/typed_ref.hpp"
#include "public/event_channel.hpp"
#include "public/memory.hpp"
#include "threads/thread_vcpu.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
constexpr u32 calls = 40'000;                 // of each vCPU
constexpr u64 first_pfn = 8, pfn_count = 10;  // what all play with
constexpr u64 own_pfn = 30;                   // and of each vCPU one that it gives back and takes anew
constexpr u64 grant_pfn = 40, grant_count = 6;
constexpr u32 granted = 4;  // of what all play with, from the first on

class Actor : private ThreadVcpu {
public:
    Actor(Guest& self, Guest& other, u32 index) : ThreadVcpu{self, index}, other_{other} {}

    void run(CpuId cpu) {
        Machine::cpu = cpu;
        random_.seed(cpu + 1);
        for (u32 i = 0; i < calls; ++i) {
            u32 const kind = below(kinds);
            succeeded_[kind] += act(kind);
        }
        while (!drain_demotions(self_.vcpu(index_).demotions)) {}
    }
    u32 succeeded(u32 kind) const { return succeeded_[kind]; }
    static constexpr u32 kinds = 15;

private:
    u32 below(u32 limit) { return static_cast<u32>(random_() % limit); }
    u64 any_pfn() { return first_pfn + below(pfn_count); }
    Mfn any_frame() { return self_.mfn(any_pfn()); }
    template <class T>
    bool event(u32 command, T op) {
        return call(abi::hypercall::event_channel_op, {command, put(op)}) == 0;
    }

    bool act(u32 kind) {
        switch (kind) {
            case 0: return map_own(any_pfn(), ro);
            case 1: return map_own(any_pfn(), rw);
            case 2: return pin();
            case 3: return mmuext(abi::mmuext::unpin_table, any_frame());
            case 4:
            case 5: return write_entry();
            case 6: return mmuext(abi::mmuext::new_user_baseptr, below(2) ? any_frame() : Mfn{0});
            case 7: return renew_own_frame();
            case 8: return descriptor_table();
            case 9: return map_any_grant();
            case 10: return unmap_any_grant();
            case 11: return event(abi::evtchnop::send, abi::EvtchnSend{.port = any_port()});
            case 12: return event(abi::evtchnop::close, abi::EvtchnClose{.port = any_port()});
            case 13: return open_port();
            default: return copy_from_grant();
        }
    }

    bool pin() {
        u64 const pfn = any_pfn();
        map_own(pfn, below(4) ? 0 : ro);
        return mmuext(abi::mmuext::pin_l1_table + below(4), self_.mfn(pfn));
    }
    bool write_entry() {
        u64 const at = (any_frame().value << page_shift) + below(4) * 8;
        u64 const value = below(3) ? Pte::make(any_frame(), below(8) ? ro : rw).raw : 0;
        u64 const request = put(abi::MmuUpdate{.ptr = at, .val = value});
        return call(abi::hypercall::mmu_update, {request, 1, 0, abi::domid_self.value}) == 0;
    }
    bool renew_own_frame() {
        u64 const pfn = own_pfn + index_;
        map_own(pfn, 0);
        if (reserve(abi::memop::decrease_reservation, self_.mfn(pfn).value) != 1) return false;
        if (reserve(abi::memop::populate_physmap, pfn) != 1) return false;
        self_.set_mfn(pfn, Mfn{take<u64>(256)});
        return map_own(pfn, rw);
    }
    i64 reserve(u32 command, u64 extent) {
        abi::MemoryReservation request{};
        request.nr_extents = 1;
        request.domid = abi::domid_self;
        request.extent_start = {put(extent, 256)};
        return call(abi::hypercall::memory_op, {command, put(request)});
    }
    bool descriptor_table() {
        if (below(2)) return call(abi::hypercall::set_gdt, {put(any_frame()), 16}) == 0;
        return call(abi::hypercall::set_gdt, {0, 0}) == 0;
    }
    // Both vCPUs map at the same addresses and unmap by the same handles.
    bool map_any_grant() {
        return map_grant(other_.id(), below(granted), grant_pfn + below(grant_count), below(2)).status == 0;
    }
    bool unmap_any_grant() { return unmap_grant(below(8), grant_pfn + below(grant_count)); }
    bool copy_from_grant() {
        abi::GnttabCopy op{};
        op.source.u.ref = GrantRef{below(granted)};
        op.source.domid = other_.id();
        op.dest.u.gmfn = hv::Gfn{self_.mfn(scratch_pfn()).value};
        op.dest.domid = abi::domid_self;
        op.dest.offset = 2048;
        op.len = 64;
        op.flags = abi::gntcopy::source_gref;
        call(abi::hypercall::grant_table_op, {abi::gnttabop::copy, put(op), 1});
        return take<abi::GnttabCopy>().status == 0;
    }
    EvtchnPort any_port() { return EvtchnPort{1 + below(8)}; }
    bool open_port() {
        abi::EvtchnAllocUnbound unbound{.dom = abi::domid_self, .remote_dom = other_.id(), .port = {0}};
        abi::EvtchnBindInterdomain bind{
            .remote_dom = other_.id(), .pad = 0, .remote_port = any_port(), .local_port = {0}};
        return below(2) ? event(abi::evtchnop::alloc_unbound, unbound) : event(abi::evtchnop::bind_interdomain, bind);
    }

    Guest& other_;
    std::array<u32, kinds> succeeded_{};
    std::mt19937 random_;
};

TEST(Threads, HypercallsOfFourVcpusAtOnceKeepEveryCount) {
    World world;
    Guest& first = world.add_guest(64, 2);
    Guest& second = world.add_guest(64, 2);
    permit(first, second, first_pfn, granted);
    permit(second, first, first_pfn, granted);
    first.domain().max_event_channels = second.domain().max_event_channels = 8;

    std::vector<Actor> actors;
    for (u32 index : {0u, 1u}) {
        actors.emplace_back(first, second, index);
        actors.emplace_back(second, first, index);
    }
    world.machine().recording = false;
    std::vector<std::thread> threads;
    for (u32 i = 0; i < actors.size(); ++i) threads.emplace_back([&actor = actors[i], i] { actor.run(i); });
    for (std::thread& thread : threads) thread.join();
    world.machine().recording = true;

    for (u32 kind = 0; kind < Actor::kinds; ++kind) {
        u32 succeeded = 0;
        for (Actor const& actor : actors) succeeded += actor.succeeded(kind);
        EXPECT_GE(succeeded, calls / 100) << "too few operations of kind " << kind << " succeed to mean much";
    }
    EXPECT_EQ(world.mismatches(), 0u);
    world.destroy(first);
    EXPECT_EQ(world.mismatches(), 0u);
    world.destroy(second);
    EXPECT_EQ(world.mismatches(), 0u);
}
}  // namespace
}  // namespace hosted

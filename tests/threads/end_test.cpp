// SPDX-License-Identifier: MIT
// A domain ends while others use it: another guest its grants and ports, dom0's tools its memory and tables. What they
// hold keeps it for a while, and nothing does once they have let go.
#include <array>
#include <atomic>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "core/mm/page_alloc.hpp"
#include "public/event_channel.hpp"
#include "public/memory.hpp"
#include "threads/thread_vcpu.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
constexpr u32 domains = 100;
constexpr u64 first_pfn = 8, pfn_count = 6;  // of the domain that ends
constexpr u64 free_pfn = 40;                 // of the others: where they map its frames
constexpr u32 free_count = 8, ports = 6;

class User : protected ThreadVcpu {
public:
    User(Guest& self, u32 seed) : ThreadVcpu{self, 0}, random_{seed} {}

protected:
    u32 below(u32 limit) { return static_cast<u32>(random_() % limit); }
    u64 any_place() { return free_pfn + below(free_count); }
    template <class T>
    bool event(u32 command, T op) {
        return call(abi::hypercall::event_channel_op, {command, put(op)}) == 0;
    }

private:
    std::mt19937 random_;
};

// A guest with the domain's grants.
class Grantee : public User {
public:
    using User::User;

    bool act(Domid granter) {
        switch (below(6)) {
            case 0: return map_any(granter);
            case 1: return unmap(below(free_count));
            case 2: return copy(granter);
            case 3:
                return event(abi::evtchnop::bind_interdomain,
                             abi::EvtchnBindInterdomain{
                                 .remote_dom = granter, .pad = 0, .remote_port = any_port(), .local_port = {}});
            case 4: return event(abi::evtchnop::send, abi::EvtchnSend{.port = any_port()});
            default: return event(abi::evtchnop::close, abi::EvtchnClose{.port = any_port()});
        }
    }
    void let_go() {
        for (u32 place = 0; place < free_count; ++place) unmap(place);
        for (u32 port = 1; port < 16; ++port) event(abi::evtchnop::close, abi::EvtchnClose{.port = EvtchnPort{port}});
    }

private:
    EvtchnPort any_port() { return EvtchnPort{1 + below(ports)}; }
    bool map_any(Domid granter) {
        u32 const place = below(free_count);
        if (handles_[place]) return false;
        auto const mapped = map_grant(granter, below(pfn_count), free_pfn + place, below(2));
        if (mapped.status == 0) handles_[place] = mapped.handle.value;
        return mapped.status == 0;
    }
    bool unmap(u32 place) {
        if (!handles_[place]) return false;
        u32 const handle = *std::exchange(handles_[place], {});
        return unmap_grant(handle, free_pfn + place);
    }
    bool copy(Domid granter) {
        abi::GnttabCopy op{};
        op.source.u.gmfn = hv::Gfn{self_.mfn(scratch_pfn()).value};
        op.source.domid = abi::domid_self;
        op.dest.u.ref = GrantRef{below(pfn_count)};
        op.dest.domid = granter;
        op.len = 64;
        op.flags = abi::gntcopy::dest_gref;
        call(abi::hypercall::grant_table_op, {abi::gnttabop::copy, put(op), 1});
        return take<abi::GnttabCopy>().status == 0;
    }

    std::array<std::optional<u32>, free_count> handles_{};
};

// Tools in dom0.
class Tools : public User {
public:
    using User::User;

    bool act(Domid other, std::vector<Mfn> const& frames) {
        Mfn const any = frames[below(static_cast<u32>(frames.size()))];
        switch (below(8)) {
            case 0: return map(any_place(), Pte::make(any, below(2) ? ro : rw).raw, other);
            case 1: return map(any_place(), 0, other);
            case 2: return table_operation(abi::mmuext::pin_l1_table + below(4), any, other);
            case 3: return table_operation(abi::mmuext::unpin_table, any, other);
            case 4: return write_entry(any, frames[below(static_cast<u32>(frames.size()))], other);
            case 5: return reserve(abi::memop::decrease_reservation, any.value, other);
            case 6: return exchange(any, other);
            default: return reserve(abi::memop::populate_physmap, first_pfn, other);
        }
    }
    bool talk(Domid other) {
        abi::EvtchnAllocUnbound unbound{.dom = other, .remote_dom = abi::domid_self, .port = {}};
        switch (below(4)) {
            case 0: return event(abi::evtchnop::alloc_unbound, unbound);
            case 1: return event(abi::evtchnop::reset, abi::EvtchnReset{.dom = other});
            case 2: return look_at_port(other);
            default: return set_up_grants(other);
        }
    }
    void let_go(Domid other) {
        for (u64 pfn = free_pfn; pfn < free_pfn + free_count; ++pfn) map(pfn, 0, other);
    }

private:
    bool map(u64 pfn, u64 entry, Domid other) {
        return entry ? call(abi::hypercall::update_va_mapping_otherdomain, {Guest::va(pfn), entry, 0, other.value}) == 0
                     : map_own(pfn, 0);
    }
    bool table_operation(u32 command, Mfn frame, Domid other) {
        abi::MmuextOp op{};
        op.cmd = command;
        op.arg1.mfn = frame;
        return call(abi::hypercall::mmuext_op, {put(op), 1, 0, other.value}) == 0;
    }
    bool write_entry(Mfn table, Mfn frame, Domid other) {
        u64 const value = below(3) ? Pte::make(frame, ro).raw : 0;
        u64 const request = put(abi::MmuUpdate{.ptr = (table.value << page_shift) + below(4) * 8, .val = value});
        u64 const whose = other.value | u64{other.value + 1u} << 16;
        return call(abi::hypercall::mmu_update, {request, 1, 0, whose}) == 0;
    }
    bool reserve(u32 command, u64 extent, Domid other) {
        abi::MemoryReservation request{};
        request.nr_extents = 1;
        request.domid = other;
        request.extent_start = {put(extent, 256)};
        return call(abi::hypercall::memory_op, {command, put(request)}) == 1;
    }
    bool look_at_port(Domid other) {
        abi::EvtchnStatus op{};
        op.dom = other;
        op.port = EvtchnPort{1 + below(ports)};
        return event(abi::evtchnop::status, op);
    }
    bool set_up_grants(Domid other) {
        abi::GnttabSetupTable op{};
        op.dom = other;
        op.nr_frames = 4;
        op.frame_list = {Guest::va(scratch_pfn()) + 256};
        call(abi::hypercall::grant_table_op, {abi::gnttabop::setup_table, put(op), 1});
        return take<abi::GnttabSetupTable>().status == 0;
    }
    bool exchange(Mfn frame, Domid other) {
        abi::MemoryExchange request{};
        request.in.nr_extents = request.out.nr_extents = 1;
        request.in.domid = request.out.domid = other;
        request.in.extent_start = {put(frame.value, 256)};
        request.out.extent_start = {put(first_pfn, 264)};
        return call(abi::hypercall::memory_op, {abi::memop::exchange, put(request)}) == 0;
    }
};

TEST(Threads, ADomainEndsWhileOthersUseIt) {
    World world;
    Guest& guest = world.add_guest(64, 1);
    Grantee grantee{guest, 1};
    Tools tools{world.dom0(), 2};
    u32 kept = 0, by_guest = 0, by_tools = 0;
    for (u32 round = 0; round < domains; ++round) {
        Guest& ending = world.add_guest(24);
        Domid const id = ending.id();
        ending.domain().max_pages += 4;
        permit(ending, guest, first_pfn, pfn_count);
        std::vector<Mfn> frames;
        for (u64 pfn = first_pfn; pfn < first_pfn + pfn_count; ++pfn) {
            frames.push_back(ending.mfn(pfn));
            if (pfn % 2) ending.update_va_mapping(Guest::va(pfn), 0);
        }
        for (u32 i = 0; i < ports; ++i) {
            abi::EvtchnAllocUnbound op{.dom = abi::domid_self, .remote_dom = guest.id(), .port = {}};
            ASSERT_EQ(ending.call(abi::hypercall::event_channel_op, {abi::evtchnop::alloc_unbound, ending.put(op)}), 0);
        }
        world.machine().recording = false;
        std::atomic<u32> at_work{0};
        std::atomic<bool> over{false};
        std::thread first{[&] {
            Machine::cpu = 1;
            for (u32 i = 0; !over || i < 100; ++i) by_guest += grantee.act(id), at_work += i == 50;
            grantee.let_go();
        }};
        std::thread second{[&] {
            Machine::cpu = 2;
            for (u32 i = 0; !over || i < 100; ++i) {
                by_tools += i % 8 ? tools.act(id, frames) : tools.talk(id);
                at_work += i == 50;
            }
            tools.let_go(id);
        }};
        while (at_work < 2) std::this_thread::yield();
        while (!destroy_domain(ending.domain())) {}
        over = true;
        first.join();
        second.join();
        world.machine().recording = true;
        ending.drop();
        kept += find_domain(id) ? 1 : 0;
    }
    EXPECT_EQ(kept, 0u);
    EXPECT_GT(by_guest, domains);
    EXPECT_GT(by_tools, domains);
    EXPECT_EQ(world.mismatches(), 0u);
}
}  // namespace
}  // namespace hosted

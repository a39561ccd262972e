// SPDX-License-Identifier: MIT
// Two vCPUs of a guest do the same thing to the same frame at the same moment, many times: exactly one may win.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "core/event/channels.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/sched/scheduler.hpp"
#include "public/event_channel.hpp"
#include "public/sched.hpp"
#include "threads/thread_vcpu.hpp"

#include <gtest/gtest.h>

namespace hosted {
namespace {
constexpr u32 rounds = 4'000;
constexpr u64 pfn = 10, grant_pfn = 40;

// One of the two operations may take far longer than the other, on one machine more so than on the next: whichever wins
// a round begins the next one later, and ever more so the longer it goes on winning, until both win about as often and
// their critical moments meet.
class Handicap {
public:
    void first_waits() const { spin(turns_); }
    void second_waits() const { spin(-turns_); }
    void settle(bool first_won, bool second_won) {
        if (first_won == second_won) return;
        i32 const direction = first_won ? 1 : -1;
        row_ = row_ * direction > 0 ? row_ + direction : direction;
        turns_ = std::clamp(turns_ + step * row_, -most, most);
    }

private:
    static constexpr i32 step = 16, most = 10'000'000;
    static void spin(i32 turns) {
        for (; turns > 0; --turns) asm volatile("");
    }
    i32 turns_ = 0;
    i32 row_ = 0;  // how often the same one has won now, the second one below zero
};

// Both threads come out of it together: the last to come says when, so that the other one gets to know in time.
class Start {
public:
    void wait(u32 round) {
        if (arrived_.fetch_add(1) % 2) {
            when_ = Clock::now() + std::chrono::microseconds{3};
            rounds_ = round + 1;
        }
        for (u32 turns = 0; rounds_.load() <= round; ++turns)
            if (turns > 4'000) std::this_thread::yield();  // there may be one processor only
        while (Clock::now() < when_) {}
    }

private:
    using Clock = std::chrono::steady_clock;
    std::atomic<u32> arrived_{0}, rounds_{0};
    Clock::time_point when_;
};

class Races : public testing::Test {
protected:
    World world;
    Guest& guest = world.add_guest(64, 2);
    Guest& granter = world.add_guest(64, 1);
    abi::GrantEntryV1* entries = permit(granter, guest, pfn, 1);
    ThreadVcpu vcpus[2] = {{guest, 0}, {guest, 1}};
    Start before, after;
    Handicap handicap;

    // Each round: prepare by the first vCPU alone, one and two at once by both in turn, check(result of both) alone.
    template <class Prepare, class One, class Two, class Check>
    void race(Prepare&& prepare, One&& one, Two&& two, Check&& check) {
        bool first = false, second = false;
        auto act = [&](u32 vcpu, u32 round) {
            if (vcpu == round % 2) handicap.first_waits(), first = one(vcpus[vcpu]);
            else handicap.second_waits(), second = two(vcpus[vcpu]);
        };
        world.machine().recording = false;
        std::thread other{[&] {
            Machine::cpu = 1;
            for (u32 round = 0; round < rounds; ++round) {
                before.wait(round);
                act(1, round);
                after.wait(round);
            }
        }};
        for (u32 round = 0; round < rounds; ++round) {
            prepare(vcpus[0]);
            before.wait(round);
            act(0, round);
            after.wait(round);
            check(first, second);
            handicap.settle(first, second);
        }
        other.join();
        world.machine().recording = true;
        EXPECT_EQ(world.mismatches(), 0u);
    }
};

TEST_F(Races, OfTwoUnmappersOfAHandleOneWins) {
    u32 handle = 0, wrong = 0;
    auto unmap = [&](ThreadVcpu& vcpu) { return vcpu.unmap_grant(handle, grant_pfn); };
    race([&](ThreadVcpu& vcpu) { handle = vcpu.map_grant(granter.id(), 0, grant_pfn, true).handle.value; }, unmap,
         unmap, [&](bool first, bool second) { wrong += first == second; });
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(entries[0].flags, abi::gtf::permit_access);
}

TEST_F(Races, AFrameIsNeverWritableAndAPageTable) {
    u32 both = 0, pinned = 0, mapped = 0;
    race(
        [&](ThreadVcpu& vcpu) {
            (void)vcpu.mmuext(abi::mmuext::unpin_table, guest.mfn(pfn));
            (void)vcpu.map_own(pfn, 0);
        },
        [&](ThreadVcpu& vcpu) { return vcpu.mmuext(abi::mmuext::pin_l1_table, guest.mfn(pfn)); },
        [&](ThreadVcpu& vcpu) { return vcpu.map_own(pfn, rw); },
        [&](bool first, bool second) {
            both += first && second;
            pinned += first;
            mapped += second;
        });
    EXPECT_EQ(both, 0u);
    EXPECT_GT(pinned, rounds / 100);
    EXPECT_GT(mapped, rounds / 100);
}

// While one ends the last use of a grant the other begins a new one: the granter's entry tells what is left.
TEST_F(Races, AGrantsStatusFollowsItsUses) {
    u32 handle = 0, next = 0, wrong = 0;
    race([&](ThreadVcpu& vcpu) { handle = vcpu.map_grant(granter.id(), 0, grant_pfn, true).handle.value; },
         [&](ThreadVcpu& vcpu) { return vcpu.unmap_grant(handle, grant_pfn); },
         [&](ThreadVcpu& vcpu) {
             auto const done = vcpu.map_grant(granter.id(), 0, grant_pfn + 1, true);
             next = done.handle.value;
             return done.status == 0;
         },
         [&](bool first, bool second) {
             constexpr u16 in_use = abi::gtf::permit_access | abi::gtf::reading | abi::gtf::writing;
             wrong += !first || !second || __atomic_load_n(&entries[0].flags, __ATOMIC_RELAXED) != in_use;
             wrong += !vcpus[0].unmap_grant(next, grant_pfn + 1);
             wrong += __atomic_load_n(&entries[0].flags, __ATOMIC_RELAXED) != abi::gtf::permit_access;
         });
    EXPECT_EQ(wrong, 0u);
}

// The granter takes the grant back as Linux does, by exchanging flags that say nobody uses it.
TEST_F(Races, AGrantIsEitherMappedOrTakenBack) {
    auto* const header = reinterpret_cast<u32*>(entries);
    u32 const granted = __atomic_load_n(header, __ATOMIC_RELAXED);
    u32 handle = 0, wrong = 0, mapped = 0, taken_back = 0;
    race([&](ThreadVcpu&) { __atomic_store_n(header, granted, __ATOMIC_RELEASE); },
         [&](ThreadVcpu& vcpu) {
             auto const done = vcpu.map_grant(granter.id(), 0, grant_pfn, true);
             handle = done.handle.value;
             return done.status == 0;
         },
         [&](ThreadVcpu&) {
             u32 unused = granted;
             return __atomic_compare_exchange_n(header, &unused, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
         },
         [&](bool first, bool second) {
             wrong += first == second;
             mapped += first;
             taken_back += second;
             if (first) wrong += !vcpus[0].unmap_grant(handle, grant_pfn);
             wrong += __atomic_load_n(header, __ATOMIC_RELAXED) != (second ? 0 : granted);
         });
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(mapped, rounds / 100);
    EXPECT_GT(taken_back, rounds / 100);
}

// The last typed use goes while another one comes: the frame's type is right, whoever demotes it.
TEST_F(Races, ATableThatLosesItsLastUseIsDemotedOnce) {
    u32 unpinned = 0;
    race(
        [&](ThreadVcpu& vcpu) {
            (void)vcpu.map_own(pfn, 0), (void)vcpu.mmuext(abi::mmuext::pin_l1_table, guest.mfn(pfn));
        },
        [&](ThreadVcpu& vcpu) { return vcpu.mmuext(abi::mmuext::unpin_table, guest.mfn(pfn)); },
        [&](ThreadVcpu& vcpu) { return vcpu.mmuext(abi::mmuext::unpin_table, guest.mfn(pfn)); },
        [&](bool first, bool second) { unpinned += first != second; });
    EXPECT_EQ(unpinned, rounds);
    EXPECT_TRUE(vcpus[0].map_own(pfn, rw));
}

// The end of a domain takes each pin once: none may come behind it, and keep the domain.
TEST_F(Races, AToolsPinsAndTheEndOfTheirDomainLeaveNothing) {
    constexpr u32 domains = 300;
    Guest& dom0 = world.dom0();
    u32 kept = 0, pinned = 0;
    world.machine().recording = false;
    for (u32 round = 0; round < domains; ++round) {
        Guest& ending = world.add_guest(16);
        Domid const id = ending.id();
        ending.protect(pfn);
        abi::MmuextOp pin{};
        pin.cmd = abi::mmuext::pin_l1_table;
        pin.arg1.mfn = ending.mfn(pfn);
        u64 const request = dom0.put(pin);
        auto try_pin = [&] { return dom0.call(abi::hypercall::mmuext_op, {request, 1, 0, id.value}) == 0; };
        if (round % 2) pinned += try_pin();
        std::atomic<bool> over{false};
        std::thread other{[&] {
            Machine::cpu = 1;
            while (!destroy_domain(ending.domain())) {}
            over = true;
        }};
        while (!over) (void)try_pin();
        other.join();
        ending.drop();
        kept += find_domain(id) ? 1 : 0;
    }
    world.machine().recording = true;
    EXPECT_EQ(kept, 0u);
    EXPECT_EQ(pinned, domains / 2);
    EXPECT_EQ(world.mismatches(), 0u);
}

// An NMI that is on its way is not sent again: the first one must not be slept over.
TEST_F(Races, AnNmiWakesAVcpuThatFallsAsleep) {
    u32 slept = 0;
    race(
        [&](ThreadVcpu&) { guest.vcpu(1).nmi_pending = false, sched::clear_reason(guest.vcpu(1), ~PauseReason::down); },
        [&](ThreadVcpu&) { return sched::send_nmi(guest.vcpu(1)), false; },
        [&](ThreadVcpu&) {
            return guest.call(abi::hypercall::sched_op, {abi::schedop::block, 0}, 1) != 0;
        },
        [&](bool, bool) { slept += (guest.vcpu(1).pause_reasons & PauseReason::blocked) != 0; });
    EXPECT_EQ(slept, 0u);
}

// A domain is resumed while it is just shutting down: it has shut down or it has not, and so have all its vCPUs.
TEST_F(Races, ADomainShutsDownAsAWhole) {
    u32 torn = 0;
    race([&](ThreadVcpu&) { resume_domain(guest.domain()); },
         [&](ThreadVcpu&) {
             shut_down_domain(guest.domain(), 1);
             return false;  // nobody has lost: both begin at once in every round
         },
         [&](ThreadVcpu&) {
             resume_domain(guest.domain());
             return false;
         },
         [&](bool, bool) {
             bool const is_shut_down = guest.domain().shut_down;
             for (u32 i = 0; i < 2; ++i)
                 torn += is_shut_down != bool(guest.vcpu(i).pause_reasons.load() & PauseReason::shut_down);
         });
    EXPECT_EQ(torn, 0u);
    resume_domain(guest.domain());
}

// The audit walks the pages of a domain's event queues while that goes back to a delivery without them.
TEST_F(Races, TheQueuesThatAreWalkedAreThere) {
    u32 wrong = 0;
    race(
        [&](ThreadVcpu& vcpu) {
            abi::EvtchnInitControl const op{.control_gfn = abi::Gfn{guest.mfn(pfn).value},
                                            .offset = 0,
                                            .vcpu = VcpuId{0},
                                            .link_bits = 0,
                                            .pad = {}};
            wrong += vcpu.call(abi::hypercall::event_channel_op, {abi::evtchnop::init_control, vcpu.put(op)}) != 0;
        },
        [&](ThreadVcpu& vcpu) {
            abi::EvtchnReset const op{.dom = abi::domid_self};
            wrong += vcpu.call(abi::hypercall::event_channel_op, {abi::evtchnop::reset, vcpu.put(op)}) != 0;
            return false;
        },
        [&](ThreadVcpu&) {
            guest.domain().events->for_each_fifo_page(
                [&](void* page) { wrong += hal::mfn_of(page) != guest.mfn(pfn); });
            return false;
        },
        [](bool, bool) {});
    EXPECT_EQ(wrong, 0u);
}

// A frame becomes a grant frame of another domain's. Until it has that owner it is nobody's, and to be had by nobody:
// not by those either who say that they name no frame of their own.
TEST_F(Races, AFrameThatIsJustBeingGivenIsNotToBeHad) {
    PageInfo* frame = alloc_shared_frame(granter.domain());
    u64 const number = mfn_of(*frame).value;
    release_shared_frame(*frame);
    u32 had = 0, given = 0;
    race([&](ThreadVcpu& vcpu) { (void)vcpu.map_own(grant_pfn, 0); },
         [&](ThreadVcpu&) {
             frame = alloc_shared_frame(granter.domain());
             return false;  // nobody has lost: both begin at once in every round
         },
         [&](ThreadVcpu& vcpu) {
             bool mapped = false;
             for (u32 tries = 0; tries < 64 && !mapped; ++tries)
                 mapped =
                     vcpu.call(abi::hypercall::update_va_mapping_otherdomain,
                               {Guest::va(grant_pfn), Pte::make(Mfn{number}, rw).raw, 0, abi::domid_io.value}) == 0;
             return mapped;
         },
         [&](bool, bool mapped) {
             had += mapped;
             given += mfn_of(*frame).value == number;
             if (mapped) (void)vcpus[0].map_own(grant_pfn, 0);
             release_shared_frame(*frame);
         });
    EXPECT_EQ(had, 0u);
    EXPECT_GT(given, 0u);
}
}  // namespace
}  // namespace hosted

// SPDX-License-Identifier: MIT
// Whatever happens to a guest, and wherever the daemon is killed meanwhile, the world comes to what is wanted.
#include "reconcile_world.hpp"

namespace test {
namespace {
Story const stories[] = {
    {"nothing", [](Record&) {}, [](World&) {}, expect_running},
    {"power-off", [](Record&) {}, [](World& w) { w.end_guest(ShutdownReason::poweroff); }, expect_stopped},
    {"power-off of an ephemeral one", [](Record& r) { r.spec.ephemeral = true; },
     [](World& w) { w.end_guest(ShutdownReason::poweroff); }, expect_gone},
    {"power-off, on_poweroff restart", [](Record& r) { r.spec.on_poweroff = EndAction::restart; },
     [](World& w) { w.end_guest(ShutdownReason::poweroff); }, expect_another},
    {"shutdown by a call, on_poweroff restart", [](Record& r) { r.spec.on_poweroff = EndAction::restart; },
     [](World& w) {
         change(w, [](Record& r) { r.asked = Asked::poweroff; });
         w.end_guest(ShutdownReason::poweroff);
     },
     expect_stopped},
    {"shutdown by a call, of one that listens", [](Record& r) { r.spec.on_poweroff = EndAction::restart; },
     [](World& w) {
         change(w, [](Record& r) { r.asked = Asked::poweroff; });
         w.settle();
         if (w.told.contains(w.record(uid).guest.id)) w.end_guest(ShutdownReason::poweroff);
     },
     expect_stopped},
    {"shutdown by a call, and the store forgets it", [](Record& r) { r.spec.on_poweroff = EndAction::restart; },
     [](World& w) {
         change(w, [](Record& r) { r.asked = Asked::poweroff; });
         w.settle();
         w.forget_store();
         w.told.clear();
         w.settle();
         if (w.told.contains(w.record(uid).guest.id)) w.end_guest(ShutdownReason::poweroff);
     },
     expect_stopped},
    {"shutdown by a call, of one that reboots and crashes before it hears", [](Record&) {},
     [](World& w) {
         change(w, [](Record& r) {
             r.asked = Asked::poweroff;
             r.spec.on_crash = EndAction::restart;
         });
         w.end_guest(ShutdownReason::reboot);
         w.settle();
         w.end_guest(ShutdownReason::crash);
         w.settle();
         if (w.told.contains(w.record(uid).guest.id)) w.end_guest(ShutdownReason::poweroff);
     },
     expect_stopped},
    {"reboot", [](Record&) {}, [](World& w) { w.end_guest(ShutdownReason::reboot); }, expect_another},
    {"reboot while something holds a page for long", [](Record&) {},
     [](World& w) {
         w.hold = 50;
         w.end_guest(ShutdownReason::reboot);
     },
     expect_another},
    {"crash of one that restarts", [](Record& r) { r.spec.on_crash = EndAction::restart; },
     [](World& w) { w.end_guest(ShutdownReason::crash); }, expect_another},
    {"watchdog of one that restarts", [](Record& r) { r.spec.on_watchdog = EndAction::restart; },
     [](World& w) { w.end_guest(ShutdownReason::watchdog); }, expect_another},
    {"crash that is kept", [](Record& r) { r.spec.on_crash = EndAction::preserve; },
     [](World& w) { w.end_guest(ShutdownReason::crash); },
     [](World& w) {
         EXPECT_EQ(w.guests.size(), 1u);
         EXPECT_EQ(w.record(uid).phase, Phase::kept);
     }},
    {"crash that is kept, then started", [](Record& r) { r.spec.on_crash = EndAction::preserve; },
     [](World& w) {
         w.end_guest(ShutdownReason::crash);
         w.settle();
         if (w.disk.contains(uid) && w.record(uid).phase == Phase::kept)
             change(w, [](Record& r) { r.asked = Asked::restart; });
     },
     expect_another},
    {"crash that leaves a corpse and restarts", [](Record& r) { r.spec.on_crash = EndAction::rename_restart; },
     [](World& w) { w.end_guest(ShutdownReason::crash); },
     [](World& w) {
         expect_another(w);
         EXPECT_EQ(w.guests.size(), 2u);
         ASSERT_EQ(w.disk.size(), 2u);
         Record corpse = w.record("00000000-0000-4000-8000-000000000099");
         EXPECT_EQ(corpse.phase, Phase::kept);
         EXPECT_EQ(w.guests.at(corpse.guest.id).uid, corpse.uid);
     }},
    {"stop", [](Record&) {}, [](World& w) { change(w, [](Record& r) { r.spec.power_state = PowerState::stopped; }); },
     expect_stopped},
    {"delete", [](Record&) {}, [](World& w) { change(w, [](Record& r) { r.deleting = true; }); }, expect_gone},
    {"restart by a call", [](Record&) {}, [](World& w) { change(w, [](Record& r) { r.asked = Asked::restart; }); },
     expect_another},
    {"destroyed by another's hand", [](Record&) {}, [](World& w) { w.guests.clear(); }, expect_stopped},
    {"the host is started again", [](Record&) {},
     [](World& w) {
         w.guests.clear();
         w.nodes.clear();
         w.consoles.clear();
         w.disks.clear();
         w.boot = "second";
     },
     expect_another},
    {"the store comes back empty", [](Record&) {}, [](World& w) { w.forget_store(); }, expect_running},
    {"the store is away", [](Record&) {},
     [](World& w) {
         w.store_answers = false;
         w.settle();
         EXPECT_EQ(w.running(), 1);
         w.store_answers = true;
     },
     expect_running},
    {"a console backend ends", [](Record&) {}, [](World& w) { w.consoles.clear(); }, expect_running},
    {"a build that fails", [](Record&) {},
     [](World& w) {
         w.fail_builds = 3;
         w.end_guest(ShutdownReason::reboot);
     },
     expect_another},
};

TEST(Reconcile, ComesToWhatIsWantedWhereverItIsKilled) {
    for (Story const& story : stories) tell_and_kill(story);
}

TEST(Reconcile, ShortLivesWaitLongerAndLonger) {
    World world;
    Record record = wanted();
    record.spec.on_crash = EndAction::restart;
    record.spec.back_off = {.initial = 1s, .limit = 8s, .reset_after = 10s};
    world.disk[uid] = encode(record);
    world.settle();
    std::chrono::nanoseconds const waits[] = {1s, 2s, 4s, 8s, 8s};
    for (std::chrono::nanoseconds wait : waits) {
        WallTime before = world.now;
        world.end_guest(ShutdownReason::crash);
        world.settle();
        EXPECT_EQ(world.now - before, wait);
    }
    world.now += 11s;  // counted from when it was let run
    WallTime before = world.now;
    world.end_guest(ShutdownReason::crash);
    world.settle();
    EXPECT_EQ(world.now, before) << "one that lived for long is started at once";
}

TEST(Reconcile, AGuestThatWaitsPausedForLongIsStillShortLived) {
    World world;
    Record record = wanted();
    record.spec.on_crash = EndAction::restart;
    record.spec.power_state = PowerState::paused;
    world.disk[uid] = encode(record);
    world.settle();
    world.now += 1h;
    change(world, [](Record& r) { r.spec.power_state = PowerState::running; });
    world.settle();
    WallTime before = world.now;
    world.end_guest(ShutdownReason::crash);
    world.settle();
    EXPECT_EQ(world.now - before, 1s);
}

TEST(Reconcile, GivesUpWhereItIsToldTo) {
    World world;
    Record record = wanted();
    record.spec.on_crash = EndAction::restart;
    record.spec.back_off.most_restarts = 2;
    world.disk[uid] = encode(record);
    for (int end = 0; end < 4; ++end) {
        world.settle();
        world.end_guest(ShutdownReason::crash);
    }
    expect_stopped(world);
    EXPECT_EQ(world.record(uid).starts, 3u);
    EXPECT_TRUE(world.record(uid).gave_up);
}

// Whoever wrote the file does not keep dom0 busy with guests that cannot be built, or that end at once.
TEST(Reconcile, NoFileMakesItStartGuestsWithoutAPause) {
    Seen seen;
    seen.now = WallTime{1000h};
    Record record = wanted();
    record.spec.back_off.initial = record.spec.back_off.limit = record.spec.back_off.reset_after = 0s;
    record.phase = Phase::building;
    for (int i = 0; i < 100; ++i) note_failure(record, "it cannot be", seen.now);
    Step step = next_step(record, seen);
    EXPECT_EQ(step.kind, StepKind::wait);
    EXPECT_GE(step.until, seen.now + 100ms);

    record.phase = Phase::started;
    record.guest.id = 1;
    seen.guests = {{.id = 1, .shutdown = true, .reason = ShutdownReason::reboot}};
    for (std::chrono::nanoseconds const lived : std::initializer_list<std::chrono::nanoseconds>{0ns, 99ms, 100ms, 1h}) {
        record.not_before = {};
        record.started = seen.now - lived;
        step = next_step(record, seen);
        ASSERT_EQ(step.kind, StepKind::write);
        EXPECT_EQ(step.next->not_before > seen.now, lived < 100ms) << lived.count();
    }
}

TEST(Reconcile, AGuestOfWhichTheRecordKnowsNothingIsTaken) {
    World world;
    world.disk[uid] = encode(wanted());
    world.guests[7] = {.uid = uid, .paused = false, .complete = true, .ran = true};
    world.settle();
    EXPECT_EQ(world.running(), 1);
    EXPECT_EQ(world.record(uid).guest.id, 7);
    EXPECT_TRUE(world.faults.empty());
}
}  // namespace
}  // namespace test

// SPDX-License-Identifier: MIT
// The reconciler in a small world of its own: a hypervisor, a store and a disk of a few lines each. Whatever happens,
// and wherever the daemon is killed meanwhile, the world comes to what is wanted.
#include "daemon/reconcile.hpp"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace {
using namespace paravane;
using namespace std::chrono_literals;

struct Killed {};

class World {
public:
    struct Guest {
        std::string uid;
        bool paused = true, shutdown = false, dying = false, complete = false, ran = false;
        ShutdownReason reason = ShutdownReason::poweroff;
        int holders = 0;  // looks after which a dying one is gone
    };

    std::map<std::uint16_t, Guest> guests;
    std::map<std::string, std::string> disk;
    std::set<std::uint16_t> nodes, consoles, told;
    bool store_answers = true;
    int hold = 0;  // how long the next dead guests are held
    int fail_builds = 0;
    std::string boot = "first";
    WallTime now = WallTime{1000h};
    int kill_after = -1;  // steps of any kind until the daemon is killed; -1: never
    int taken = 0;
    std::vector<std::string> faults;

    Record record(std::string const& uid) { return *decode(disk.at(uid)); }
    void save(Record const& record) {
        tick();
        disk[record.uid] = encode(record);
        tick();
    }
    void end_guest(ShutdownReason reason) {
        for (auto& [id, guest] : guests) {
            if (guest.paused || guest.dying || guest.shutdown) continue;
            guest.shutdown = true;
            guest.reason = reason;
        }
    }

    // Runs the daemon until nothing is left to do; it is started again when it was killed.
    void settle() {
        for (int lives = 0; lives < 3; ++lives) {
            try {
                run();
                return;
            } catch (Killed const&) { kill_after = -1; }
        }
        faults.emplace_back("it does not settle");
    }

    int running() const {
        int count = 0;
        for (auto const& [id, guest] : guests) count += !guest.paused && !guest.dying && !guest.shutdown ? 1 : 0;
        return count;
    }

private:
    void tick() {
        ++taken;
        if (kill_after == 0) throw Killed{};
        if (kill_after > 0) --kill_after;
    }

    Seen look(Record const& record) {
        Seen seen;
        seen.now = now;
        seen.boot = boot;
        seen.fresh_uid = "00000000-0000-4000-8000-000000000099";
        seen.corpse_recorded = disk.contains(record.corpse);
        for (auto const& [id, guest] : guests) {
            if (guest.uid != record.uid) continue;
            seen.guests.push_back({id, guest.paused, guest.shutdown, guest.dying, guest.reason, 1});
        }
        auto sight = [&](auto const& set) { return set.contains(record.guest.id) ? Sight::present : Sight::missing; };
        if (store_answers && record.guest.id != 0) seen.nodes = sight(nodes);
        if (store_answers && record.guest.id == 0) seen.nodes = Sight::missing;
        if (record.guest.id != 0) seen.console = sight(consoles);
        return seen;
    }

    void run() {
        for (int round = 0; round < 200; ++round) {
            bool busy = false;
            std::vector<std::string> uids;
            for (auto const& [uid, text] : disk) uids.push_back(uid);
            for (std::string const& uid : uids) busy = turn(uid) || busy;
            if (!busy) return;
        }
        faults.emplace_back("it goes round and round");
    }

    bool turn(std::string const& uid) {
        Record current = record(uid);
        Seen seen = look(current);
        Step step = next_step(current, seen);
        if (needs_store(step.kind) && !store_answers) return false;
        if (step.kind == StepKind::settled) return false;
        tick();
        take(current, step);
        tick();
        return true;
    }

    void take(Record current, Step const& step) {
        switch (step.kind) {
            case StepKind::settled: return;
            case StepKind::wait: now = std::max(now, step.until); return;
            case StepKind::wait_held:
                if (guests.at(step.id).holders-- <= 0) guests.erase(step.id);
                return;
            case StepKind::write: save(*step.next); return;
            case StepKind::build: build(std::move(current)); return;
            case StepKind::publish: nodes.insert(current.guest.id); return;
            case StepKind::start_console: consoles.insert(current.guest.id); return;
            case StepKind::ask:
                if (!nodes.contains(current.guest.id)) faults.emplace_back("asked where nobody hears");
                told.insert(current.guest.id);
                tick();
                current.told = true;
                save(current);
                return;
            case StepKind::pause: guests.at(step.id).paused = true; return;
            case StepKind::unpause: unpause(current, step.id); return;
            case StepKind::destroy: destroy(current, step.id); return;
            case StepKind::remove_nodes: nodes.erase(current.guest.id); return;
            case StepKind::give_handle: guests.at(step.id).uid = current.corpse; return;
            case StepKind::write_corpse: save(make_corpse(current, "web-1", now)); return;
            case StepKind::remove_record: disk.erase(current.uid); return;
        }
    }

    void build(Record current) {
        if (current.phase != Phase::building) faults.emplace_back("built without a word");
        std::uint16_t id = ++last_id_;
        guests[id] = {.uid = current.uid};
        tick();
        if (fail_builds > 0) {
            --fail_builds;
            note_failure(current, "it cannot be", now);
            save(current);
            return;
        }
        guests[id].complete = true;
        tick();
        current.phase = Phase::ready;
        current.guest = {.id = id, .ports = {1, 2}, .built = {3, 4}};
        save(current);
    }

    void unpause(Record const& current, std::uint16_t id) {
        Guest& guest = guests.at(id);
        if (!guest.complete) faults.emplace_back("a half-built guest was let run");
        if (current.phase == Phase::ready) faults.emplace_back("let run before that was written");
        for (auto const& [other, each] : guests)
            if (other != id && each.uid == guest.uid && !each.shutdown) faults.emplace_back("two guests of one domain");
        guest.paused = false;
        guest.ran = true;
    }

    void destroy(Record const& current, std::uint16_t id) {
        Guest& guest = guests.at(id);
        if (guest.ran && !guest.shutdown && current.wants_guest() && current.after != After::restart)
            faults.emplace_back("a running guest was ended that is wanted");
        guest.dying = true;
        guest.holders = hold;
        consoles.erase(id);
    }

    std::uint16_t last_id_ = 0;
};

constexpr char uid[] = "00000000-0000-4000-8000-000000000001";

Record wanted() {
    Record record;
    record.uid = uid;
    record.spec.name = "web";
    record.spec.kernel = "/boot/vmlinuz";
    record.spec.memory = 4 << 20;
    record.created = WallTime{999h};
    return record;
}

template <class Change>
void change(World& world, Change make) {
    Record record = world.record(uid);
    make(record);
    world.disk[uid] = encode(record);
}

// What happens to a domain that runs, and what the world must be afterwards.
struct Story {
    char const* name;
    void (*prepare)(Record& record);
    void (*happens)(World& world);
    void (*expect)(World& world);
};

void expect_running(World& world) {
    EXPECT_EQ(world.running(), 1);
    ASSERT_TRUE(world.disk.contains(uid));
    Record record = world.record(uid);
    EXPECT_EQ(record.phase, Phase::started);
    EXPECT_TRUE(world.nodes.contains(record.guest.id));
    EXPECT_TRUE(world.consoles.contains(record.guest.id));
    EXPECT_EQ(world.nodes.size(), world.guests.size()) << "nodes of guests that are gone";
}
void expect_another(World& world) {
    expect_running(world);
    EXPECT_GE(world.record(uid).starts, 2u);
}
void expect_stopped(World& world) {
    EXPECT_TRUE(world.guests.empty());
    EXPECT_TRUE(world.nodes.empty());
    ASSERT_TRUE(world.disk.contains(uid));
    EXPECT_EQ(world.record(uid).phase, Phase::none);
    EXPECT_EQ(world.record(uid).spec.power_state, PowerState::stopped);
}
void expect_gone(World& world) {
    EXPECT_TRUE(world.guests.empty());
    EXPECT_TRUE(world.nodes.empty());
    EXPECT_TRUE(world.disk.empty());
}

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
         w.nodes.clear();
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
         w.boot = "second";
     },
     expect_another},
    {"the store comes back empty", [](Record&) {}, [](World& w) { w.nodes.clear(); }, expect_running},
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

void tell(Story const& story, World& world) {
    Record record = wanted();
    story.prepare(record);
    world.disk[uid] = encode(record);
    world.settle();
    story.happens(world);
    world.settle();
}

// Once without a kill, to learn how many instants there are; then with a kill at each of them.
TEST(Reconcile, ComesToWhatIsWantedWhereverItIsKilled) {
    for (Story const& story : stories) {
        SCOPED_TRACE(story.name);
        World quiet;
        tell(story, quiet);
        story.expect(quiet);
        ASSERT_TRUE(quiet.faults.empty()) << quiet.faults.front();
        for (int instant = 0; instant < quiet.taken; ++instant) {
            SCOPED_TRACE("killed at instant " + std::to_string(instant));
            World world;
            world.kill_after = instant;
            tell(story, world);
            story.expect(world);
            ASSERT_TRUE(world.faults.empty()) << world.faults.front();
            ASSERT_FALSE(testing::Test::HasFailure());
        }
    }
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

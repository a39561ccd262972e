// SPDX-License-Identifier: MIT
// The reconciler in a small world of its own: a hypervisor, a store and a disk of a few lines each. Whatever happens,
// and wherever the daemon is killed meanwhile, the world comes to what is wanted.
#pragma once
#include <map>
#include <set>

#include "daemon/reconcile.hpp"

#include <gtest/gtest.h>

namespace test {
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

    // Of a guest: its nodes in the store, and the process that serves it.
    struct Disk {
        bool back = false, front = false, online = true, closed = false, process = false;

        bool is_there() const { return back || front || process; }
        bool is_served() const { return back && front && online && !closed && process; }
    };
    using DiskKey = std::pair<std::uint16_t, std::string>;

    std::map<std::uint16_t, Guest> guests;
    std::map<DiskKey, Disk> disks;
    bool guests_let_go = true;
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
            } catch (Killed const&) {
                kill_after = -1;
                known_.clear();
            }
        }
        faults.emplace_back("it does not settle");
    }

    void forget_store() {
        nodes.clear();
        for (auto& [key, each] : disks) each = {.process = each.process};
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
        bool const has_devices = record.phase == Phase::ready || record.phase == Phase::started;
        if (!has_devices && record.phase != Phase::leaving) return seen;
        seen.devices.push_back({.id = "console", .backend = sight(consoles)});
        for (DeviceSpec const& spec : record.spec.devices) seen.devices.push_back(look({record.guest.id, spec.id}));
        return seen;
    }

    // As far as a daemon knows: of processes and of half the nodes only what it did itself.
    SeenDevice look(DiskKey const& key) {
        Disk const& its = disks[key];
        SeenDevice& known = known_[key];
        known.id = key.second;
        known.negotiates = true;
        if (!store_answers) known.ends = Ends::unknown;
        else if (its.back && its.front) known.ends = Ends::published;
        else if (!its.back || known.ends != Ends::offered) known.ends = Ends::missing;
        known.asked = known.ends == Ends::published && !its.online;
        known.let_go = known.asked && its.closed;
        return known;
    }

    void run() {
        for (int round = 0; round < 200; ++round) {
            bool busy = false;
            std::vector<std::string> uids;
            for (auto const& [uid, text] : disk) uids.push_back(uid);
            for (auto& [key, each] : disks) each.process = each.process && guests.contains(key.first);
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
        if (step.kind == StepKind::wait_device && !guests_let_go) return false;
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
            case StepKind::publish:
                nodes.insert(current.guest.id);
                for (auto& [key, each] : disks)
                    if (key.first == current.guest.id) each.front = false;
                return;
            case StepKind::start_device:
                if (step.device != "console") return take(step, {current.guest.id, step.device});
                consoles.insert(current.guest.id);
                return;
            case StepKind::offer_device:
            case StepKind::publish_device:
            case StepKind::ask_device:
            case StepKind::keep_device:
            case StepKind::wait_device:
            case StepKind::stop_device:
            case StepKind::withdraw_device: return take(step, {current.guest.id, step.device});
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
            case StepKind::remove_nodes:
                nodes.erase(current.guest.id);
                for (auto& [key, each] : disks)
                    if (key.first == current.guest.id) each = {.process = each.process};
                return;
            case StepKind::give_handle: guests.at(step.id).uid = current.corpse; return;
            case StepKind::write_corpse: save(make_corpse(current, "web-1", now)); return;
            case StepKind::remove_record: disk.erase(current.uid); return;
        }
    }

    void take(Step const& step, DiskKey const& key) {
        Disk& its = disks[key];
        SeenDevice& known = known_[key];
        switch (step.kind) {
            case StepKind::offer_device:
                if (its.front) faults.emplace_back("a back end is offered anew to who uses it");
                its = {.back = true, .process = its.process};
                known.ends = Ends::offered;
                known.backend = Sight::missing;
                return;
            case StepKind::start_device:
                if (!its.back) faults.emplace_back("served without nodes");
                its.process = true;
                known.backend = Sight::present;
                return;
            case StepKind::publish_device:
                if (!its.process) faults.emplace_back("shown to its guest before it is served");
                its.front = true;
                return;
            case StepKind::ask_device: its.online = false; return;
            case StepKind::keep_device: its.online = true; return;
            case StepKind::wait_device: its.closed = true; return;
            case StepKind::stop_device:
                its.process = false;
                known.backend = Sight::missing;
                return;
            default:
                if (its.process) faults.emplace_back("its nodes went before its backend");
                its = {};
                return;
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
        for (DeviceSpec const& spec : current.spec.devices)
            if (!guest.ran && !disks[{id, spec.id}].is_served()) faults.emplace_back("let run without its disk");
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
        for (auto& [key, each] : disks) each.process = each.process && key.first != id;
    }

    std::uint16_t last_id_ = 0;
    std::map<DiskKey, SeenDevice> known_;  // by the daemon that lives
};

inline constexpr char uid[] = "00000000-0000-4000-8000-000000000001";

inline DeviceSpec disk(std::string const& id) {
    return {id, BlockSpec{.path = "/" + id, .format = "", .target = id == "root" ? "xvda" : "xvdb"}};
}

inline Record wanted() {
    Record record;
    record.uid = uid;
    record.spec.name = "web";
    record.spec.kernel = "/boot/vmlinuz";
    record.spec.memory = 4 << 20;
    record.spec.devices = {disk("root")};
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

// Those of the guests that are there are served, and of others nothing is left.
inline void expect_disks(World& world) {
    std::size_t wanted = 0, there = 0;
    for (auto const& [name, text] : world.disk) {
        Record const record = world.record(name);
        for (DeviceSpec const& spec : record.spec.devices) {
            if (record.phase != Phase::started) continue;
            ++wanted;
            EXPECT_TRUE((world.disks[{record.guest.id, spec.id}].is_served())) << spec.id;
        }
        EXPECT_TRUE(record.leaving.empty() || !world.guests_let_go);
    }
    for (auto const& [key, each] : world.disks) there += each.is_there() ? 1 : 0;
    EXPECT_EQ(there, wanted);
}
inline void expect_running(World& world) {
    EXPECT_EQ(world.running(), 1);
    ASSERT_TRUE(world.disk.contains(uid));
    Record record = world.record(uid);
    EXPECT_EQ(record.phase, Phase::started);
    EXPECT_TRUE(world.nodes.contains(record.guest.id));
    EXPECT_TRUE(world.consoles.contains(record.guest.id));
    EXPECT_EQ(world.nodes.size(), world.guests.size()) << "nodes of guests that are gone";
    expect_disks(world);
}
inline void expect_another(World& world) {
    expect_running(world);
    EXPECT_GE(world.record(uid).starts, 2u);
}
inline void expect_stopped(World& world) {
    EXPECT_TRUE(world.guests.empty());
    EXPECT_TRUE(world.nodes.empty());
    ASSERT_TRUE(world.disk.contains(uid));
    EXPECT_EQ(world.record(uid).phase, Phase::none);
    EXPECT_EQ(world.record(uid).spec.power_state, PowerState::stopped);
    expect_disks(world);
}
inline void expect_gone(World& world) {
    EXPECT_TRUE(world.guests.empty());
    EXPECT_TRUE(world.nodes.empty());
    EXPECT_TRUE(world.disk.empty());
    expect_disks(world);
}
inline void expect_no_device(World& world) {
    expect_running(world);
    EXPECT_TRUE(world.record(uid).spec.devices.empty());
}

inline void tell(Story const& story, World& world) {
    Record record = wanted();
    story.prepare(record);
    world.disk[uid] = encode(record);
    world.settle();
    story.happens(world);
    world.settle();
}

// Once without a kill, to learn how many instants there are; then with a kill at each of them.
inline void tell_and_kill(Story const& story) {
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
}  // namespace test

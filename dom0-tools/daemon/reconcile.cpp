// SPDX-License-Identifier: MIT
#include "daemon/reconcile.hpp"

#include <algorithm>

namespace paravane {
namespace {
// Between two starts, whatever a file says: each costs dom0 a process and two writes to its disk.
constexpr std::chrono::nanoseconds shortest_pause = std::chrono::milliseconds{100};

Step write(Record next) { return {.kind = StepKind::write, .next = std::move(next)}; }
Step of_guest(StepKind kind, std::uint16_t id) { return {.kind = kind, .id = id}; }

SeenGuest const* find_alive(Seen const& seen, std::uint16_t id) {
    auto found = std::ranges::find_if(seen.guests, [&](SeenGuest const& guest) { return guest.id == id; });
    return found == seen.guests.end() || found->dying ? nullptr : &*found;
}

// Destroys what is alive, then waits for what is dying; none when nothing of the guest is left.
std::optional<Step> clear_guests(Seen const& seen) {
    for (SeenGuest const& guest : seen.guests) {
        if (!guest.dying) return of_guest(StepKind::destroy, guest.id);
    }
    if (!seen.guests.empty()) return of_guest(StepKind::wait_held, seen.guests.front().id);
    return std::nullopt;
}

// One that is to power off and ends otherwise is followed by one that is to power off, and does not know it yet.
void ask_the_next(Record& record, After after) {
    bool const still = after == After::restart && record.asked == Asked::poweroff;
    if (!still) record.asked = Asked::nothing;
    record.told = false;
}

Record ending(Record record, After after) {
    record.phase = Phase::ending;
    record.after = after;
    ask_the_next(record, after);
    return record;
}

Record ending_because(Record record, EndReason reason, After after, WallTime now) {
    record.last_end = {.reason = reason,
                       .action = after == After::restart ? EndAction::restart : EndAction::destroy,
                       .time = now,
                       .id = record.guest.id};
    return ending(std::move(record), after);
}

// One more guest in a row that was not worth its start: when may the next follow, if at all?
void back_off(Record& record, WallTime now) {
    BackOff const& rule = record.spec.back_off;
    unsigned doublings = std::min<unsigned>(record.short_lives, 40);
    ++record.short_lives;
    std::chrono::nanoseconds delay = rule.initial;
    while (doublings-- != 0 && delay < rule.limit) delay *= 2;
    record.not_before = now + std::max(std::min(delay, rule.limit), shortest_pause);
    record.gave_up = rule.most_restarts != 0 && record.short_lives > rule.most_restarts;
}

EndReason end_reason(ShutdownReason reason) {
    switch (reason) {
        case ShutdownReason::poweroff: return EndReason::poweroff;
        case ShutdownReason::reboot: return EndReason::reboot;
        case ShutdownReason::suspend: return EndReason::suspend;
        case ShutdownReason::watchdog: return EndReason::watchdog;
        case ShutdownReason::soft_reset: return EndReason::soft_reset;
        case ShutdownReason::crash: break;
    }
    return EndReason::crash;  // a guest may say any number
}

EndAction end_action(Record const& record, EndReason reason) {
    DomainSpec const& spec = record.spec;
    switch (reason) {
        case EndReason::poweroff: return record.asked == Asked::poweroff ? EndAction::destroy : spec.on_poweroff;
        case EndReason::reboot: return record.asked == Asked::reboot ? EndAction::restart : spec.on_reboot;
        case EndReason::suspend: return EndAction::preserve;
        case EndReason::watchdog: return spec.on_watchdog;
        default: return spec.on_crash;
    }
}

// The guest has ended by itself.
Record note_end(Record record, EndReason reason, Seen const& seen) {
    EndAction action = end_action(record, reason);
    bool asked_for = record.asked == Asked::reboot && reason == EndReason::reboot;
    record.last_end = {.reason = reason, .action = action, .time = seen.now, .id = record.guest.id};
    bool again = action == EndAction::restart || action == EndAction::rename_restart ||
                 action == EndAction::coredump_restart || action == EndAction::soft_reset;
    bool too_soon = seen.now - record.started < record.spec.back_off.reset_after;
    if (again && too_soon && !asked_for) back_off(record, seen.now);
    else record.short_lives = 0;
    if (again) record.not_before = std::max(record.not_before, record.started + shortest_pause);
    if (!record.wants_guest() || record.gave_up) return ending(std::move(record), After::stop);
    ask_the_next(record, again ? After::restart : After::stop);
    if (action == EndAction::preserve) {
        record.phase = Phase::kept;
        return record;
    }
    if (action == EndAction::rename_restart) {
        record.phase = Phase::leaving;
        record.corpse = seen.fresh_uid;
        return record;
    }
    return ending(std::move(record), again ? After::restart : After::stop);
}

Step of_device(StepKind kind, SeenDevice const& device) { return {.kind = kind, .device = device.id}; }

// The next step on a device's way to being served. The guest hears of it last.
std::optional<Step> serve(SeenDevice const& device) {
    if (device.negotiates && device.ends == Ends::unknown) return std::nullopt;
    if (device.negotiates && device.ends == Ends::missing) return of_device(StepKind::offer_device, device);
    if (device.backend != Sight::present) return of_device(StepKind::start_device, device);
    if (device.ends == Ends::offered) return of_device(StepKind::publish_device, device);
    if (device.asked) return of_device(StepKind::keep_device, device);
    return std::nullopt;
}

// And on its way out. A guest that never ran, or has not seen it, is not asked.
Step take_away(Record const& record, SeenDevice const& device, Leave how, WallTime now) {
    bool const seen = device.ends == Ends::published || device.ends == Ends::unknown;
    if (how == Leave::asked && record.phase == Phase::started && seen) {
        if (!device.asked) return of_device(StepKind::ask_device, device);
        if (!device.let_go) return of_device(StepKind::wait_device, device);
    }
    Record next = record;
    if (how == Leave::asked) {  // from here on it goes, whatever is wished
        next.leaving.insert_or_assign(device.id, Leave::taken);
        return write(std::move(next));
    }
    if (device.backend != Sight::missing) return of_device(StepKind::stop_device, device);
    if (device.ends != Ends::missing) return of_device(StepKind::withdraw_device, device);
    drop_device(next, device.id, now);
    return write(std::move(next));
}

// Who waits for a guest stops no other device.
std::optional<Step> step_of_devices(Record const& record, Seen const& seen) {
    std::optional<Step> waits;
    for (SeenDevice const& device : seen.devices) {
        auto const leaves = record.leaving.find(device.id);
        std::optional<Step> step = leaves == record.leaving.end()
                                       ? serve(device)
                                       : std::optional{take_away(record, device, leaves->second, seen.now)};
        if (step && step->kind != StepKind::wait_device) return step;
        if (step) waits = std::move(step);
    }
    return waits;
}

// Nothing of the guest is left.
Record forget_guest(Record record, After after, WallTime now) {
    record.phase = Phase::none;
    record.guest = {};
    record.started = {};
    record.corpse.clear();
    while (!record.leaving.empty()) drop_device(record, std::string{record.leaving.begin()->first}, now);
    if (after == After::restart && record.wants_guest()) return record;
    if (record.spec.power_state != PowerState::stopped) {
        record.spec.power_state = PowerState::stopped;
        ++record.generation;
        record.updated = now;
    }
    if (record.spec.ephemeral) record.deleting = true;
    return record;
}

// A clock that was set back does not make the wait longer than any could be.
bool must_wait(Record const& record, Seen const& seen) {
    return seen.now < record.not_before &&
           record.not_before - seen.now <= std::max(record.spec.back_off.limit, shortest_pause);
}

Step without_guest(Record const& record, Seen const& seen) {
    for (SeenGuest const& guest : seen.guests) {
        if (guest.dying) continue;
        // Not by our doing, for `building` is written first: an old record was put back. The guest is the truth.
        Record next = record;
        next.phase = Phase::started;
        next.guest = {};
        next.guest.id = guest.id;
        next.started = seen.now;
        next.boot = seen.boot;
        return write(std::move(next));
    }
    if (std::optional<Step> step = clear_guests(seen)) return *step;
    if (record.deleting) return {.kind = StepKind::remove_record};
    if (!record.wants_guest()) return {};
    if (must_wait(record, seen)) return {.kind = StepKind::wait, .until = record.not_before};
    Record next = record;
    next.phase = Phase::building;
    next.boot = seen.boot;
    next.built_generation = record.generation;
    ask_the_next(next, After::restart);
    next.gave_up = false;
    return write(std::move(next));
}

Step while_building(Record const& record, Seen const& seen) {
    if (std::optional<Step> step = clear_guests(seen)) return *step;
    if (!record.wants_guest()) return write(forget_guest(record, After::stop, seen.now));
    if (must_wait(record, seen)) return {.kind = StepKind::wait, .until = record.not_before};
    return {.kind = StepKind::build};
}

Step when_ready(Record const& record, Seen const& seen) {
    bool wanted = record.wants_guest();
    if (find_alive(seen, record.guest.id) == nullptr) {
        After after = wanted ? After::restart : After::stop;
        return write(ending_because(record, EndReason::vanished, after, seen.now));
    }
    if (!wanted) return write(ending_because(record, EndReason::stopped, After::stop, seen.now));
    if (seen.nodes != Sight::present) return {.kind = StepKind::publish};
    if (std::optional<Step> step = step_of_devices(record, seen)) return *std::move(step);
    if (record.spec.power_state == PowerState::paused) return {};
    Record next = record;
    next.phase = Phase::started;
    next.started = seen.now;
    ++next.starts;
    next.failure.clear();
    return write(std::move(next));
}

Step when_started(Record const& record, Seen const& seen) {
    SeenGuest const* guest = find_alive(seen, record.guest.id);
    bool wanted = record.wants_guest();
    if (guest == nullptr) {
        // By another's hand; or the host was started again, and what was wanted there is still wanted.
        bool again = wanted && record.boot != seen.boot && !record.spec.ephemeral;
        After after = again ? After::restart : After::stop;
        return write(ending_because(record, EndReason::vanished, after, seen.now));
    }
    if (!wanted) return write(ending_because(record, EndReason::stopped, After::stop, seen.now));
    if (record.asked == Asked::restart)
        return write(ending_because(record, EndReason::stopped, After::restart, seen.now));
    if (guest->shutdown) return write(note_end(record, end_reason(guest->reason), seen));
    bool pause = record.spec.power_state == PowerState::paused;
    if (pause != guest->paused) return of_guest(pause ? StepKind::pause : StepKind::unpause, guest->id);
    bool known = record.guest.ports.console != 0;  // not so where an old record was put back
    bool const asked = record.asked == Asked::poweroff || record.asked == Asked::reboot;
    if (known && seen.nodes == Sight::missing) {
        if (!asked || !record.told) return {.kind = StepKind::publish};
        Record next = record;  // what it was told is gone with the nodes
        next.told = false;
        return write(std::move(next));
    }
    if (asked && !record.told && seen.nodes == Sight::present) return {.kind = StepKind::ask};
    std::optional<Step> step = known ? step_of_devices(record, seen) : std::nullopt;
    return step ? *std::move(step) : Step{};
}

Step when_kept(Record const& record, Seen const& seen) {
    if (find_alive(seen, record.guest.id) == nullptr || !record.wants_guest())
        return write(ending(record, After::stop));
    if (record.asked == Asked::restart) return write(ending(record, After::restart));
    return {};
}

Step when_leaving(Record const& record, Seen const& seen) {
    // The next guest needs what this one had. Its console it keeps.
    for (SeenDevice const& device : seen.devices) {
        if (!device.negotiates) continue;
        if (device.backend != Sight::missing) return of_device(StepKind::stop_device, device);
        if (device.ends != Ends::missing) return of_device(StepKind::withdraw_device, device);
    }
    if (find_alive(seen, record.guest.id) != nullptr) return of_guest(StepKind::give_handle, record.guest.id);
    if (!seen.corpse_recorded) return {.kind = StepKind::write_corpse};
    return write(forget_guest(record, After::restart, seen.now));
}

Step when_ending(Record const& record, Seen const& seen) {
    if (std::optional<Step> step = clear_guests(seen)) return *step;
    if (seen.nodes != Sight::missing) return {.kind = StepKind::remove_nodes};
    return write(forget_guest(record, record.after, seen.now));
}
}  // namespace

Step next_step(Record const& record, Seen const& seen) {
    switch (record.phase) {
        case Phase::none: return without_guest(record, seen);
        case Phase::building: return while_building(record, seen);
        case Phase::ready: return when_ready(record, seen);
        case Phase::started: return when_started(record, seen);
        case Phase::kept: return when_kept(record, seen);
        case Phase::leaving: return when_leaving(record, seen);
        case Phase::ending: return when_ending(record, seen);
    }
    return {};
}

bool needs_store(StepKind kind) {
    switch (kind) {
        case StepKind::publish:
        case StepKind::ask:
        case StepKind::remove_nodes:
        case StepKind::offer_device:
        case StepKind::publish_device:
        case StepKind::ask_device:
        case StepKind::keep_device:
        case StepKind::wait_device:
        case StepKind::withdraw_device: return true;
        default: return false;
    }
}

bool needs_supervisor(StepKind kind) { return kind == StepKind::start_device || kind == StepKind::stop_device; }

void drop_device(Record& record, std::string_view id, WallTime now) {
    bool const as_built = record.built_generation == record.generation;
    if (std::erase_if(record.spec.devices, [&](DeviceSpec const& device) { return device.id == id; }) != 0) {
        ++record.generation;
        if (as_built) record.built_generation = record.generation;
        record.updated = now;
    }
    std::erase_if(record.leaving, [&](auto const& leaves) { return leaves.first == id; });
}

void note_failure(Record& record, std::string error, WallTime now) {
    record.failure = std::move(error);
    back_off(record, now);
    if (record.gave_up) record.spec.power_state = PowerState::stopped;
    // Still `building`: what may be left of the guest is cleared first.
    if (record.phase != Phase::building) record = ending(std::move(record), After::restart);
}

Record make_corpse(Record const& record, std::string name, WallTime now) {
    Record corpse;
    corpse.uid = record.corpse;
    corpse.spec = record.spec;
    corpse.spec.name = std::move(name);
    corpse.spec.devices.clear();  // the next guest has them
    corpse.created = corpse.updated = now;
    corpse.phase = Phase::kept;
    corpse.guest = record.guest;
    corpse.started = record.started;
    corpse.starts = 1;
    corpse.last_end = record.last_end;
    return corpse;
}
}  // namespace paravane

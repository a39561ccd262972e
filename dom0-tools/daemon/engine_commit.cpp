// SPDX-License-Identifier: MIT
// What follows from a change of a domain: its record on disk, its view, its events, and the end of operations.
#include <algorithm>

#include "daemon/conditions.hpp"
#include "daemon/entry.hpp"
#include "os/log.hpp"

namespace paravane {
namespace {
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_departed = 1024;

EventKind kind_of_end(EndReason reason) {
    switch (reason) {
        case EndReason::reboot: return EventKind::reboot;
        case EndReason::crash:
        case EndReason::watchdog: return EventKind::crashed;
        default: return EventKind::shutdown;
    }
}

bool by_itself(EndReason reason) {
    return reason != EndReason::none && reason != EndReason::stopped && reason != EndReason::vanished;
}

char const* words_of(Phase phase) {
    switch (phase) {
        case Phase::none: return "wait";
        case Phase::building: return "build the guest";
        case Phase::ready: return "connect the guest";
        case Phase::started: return "let the guest run";
        case Phase::kept: return "";
        case Phase::leaving:
        case Phase::ending: return "end the guest";
    }
    return "";
}

// Its guest need not let go of it, unless it has.
void keep_device(Record& record, std::string const& id) {
    std::erase_if(record.leaving, [&](auto const& each) { return each.first == id && each.second == Leave::asked; });
}
}  // namespace

std::optional<std::uint16_t> DomainView::id() const {
    if (!managed || record.has_guest()) return record.guest.id;
    if (guest) return guest->id;
    return std::nullopt;
}

// On disk first: what is not there was never decided.
Result<> Engine::commit(Entry& entry, Record next) {
    note_conditions(next, true, entry.guest, wall_now());
    Result<> saved = records_.save(next);
    if (!saved) {
        entry.unsaved = true;  // some of it may have got there
        retry_soon(entry);
        return saved;
    }
    entry.unsaved = false;
    Record const before = std::exchange(entry.record, std::move(next));
    entry.again = true;
    Record const& now = entry.record;
    if (!now.wants_guest()) entry.building.request_stop();
    if (now.starts != before.starts) tell(EventKind::started, now);
    if (now.last_end != before.last_end && by_itself(now.last_end.reason)) {
        log::info("domain " + std::to_string(before.guest.id) + " (" + now.spec.name + ") has ended by itself");
        tell(kind_of_end(now.last_end.reason), before);
    }
    if (before.phase == Phase::ending && now.phase == Phase::none) tell(EventKind::stopped, before);
    publish(entry);
    return {};
}

// What was not worth a save by itself.
void Engine::keep(Entry& entry) {
    if (!entry.unsaved || entry.removed) return;
    Result<> const saved = records_.save(entry.record);
    entry.unsaved = !saved;
    if (saved) return;
    log::error(saved.error().message());
    retry_soon(entry);
}

void Engine::publish(Entry& entry) {
    if (entry.removed) return;
    if (note_conditions(entry.record, true, entry.guest, wall_now())) entry.unsaved = true;
    views_.put(entry.record.uid, [&](std::uint64_t revision) {
        DomainView view{.record = entry.record,
                        .managed = true,
                        .guest = entry.guest,
                        .held = held_words(entry.guest),
                        .revision = revision};
        for (auto const& [id, error] : entry.device_failures) view.device_failures.emplace(id, error.message());
        return view;
    });
}

void Engine::tell(EventKind kind, Record const& record, std::string reason, std::string message) {
    events_.tell([&](std::uint64_t revision) {
        Event event{.kind = kind,
                    .uid = record.uid,
                    .name = record.spec.name,
                    .id = std::nullopt,
                    .reason = std::move(reason),
                    .message = std::move(message),
                    .time = wall_now(),
                    .revision = revision};
        if (record.has_guest()) event.id = record.guest.id;
        return event;
    });
}

// It is done, or all that it had begun is taken back. On disk this may come later: what is found under way there is
// looked at again.
void Engine::finish(Entry& entry, Pending& pending) {
    end_request(entry.record, pending.operation, Outcome::done);
    entry.unsaved = true;
    operations_.finish(pending.operation, std::exchange(pending.error, std::nullopt));
}

// On disk first, as all of the following: if that fails, it is as it was.
Engine::Settled Engine::fail(Entry& entry, Pending const& pending, Error error) {
    Record next = entry.record;
    forget_request(next, pending.operation);
    if (pending.action == Action::shutdown || pending.action == Action::reboot) take_back_ask(next);
    Result<> saved = commit(entry, std::move(next));
    if (!saved) {
        log::error(saved.error().message());
        return Settled::unwritten;
    }
    operations_.finish(pending.operation, std::move(error));
    return Settled::done;
}

// Takes back what a failed or cancelled operation has begun. It is done when that is so.
Result<> Engine::undo(Entry& entry, Pending& pending, Error error) {
    Record next = entry.record;
    Goal goal = Goal::settled;
    forget_request(next, pending.operation);
    if (pending.action == Action::create) {
        next.deleting = true;
        goal = Goal::gone;
    } else if (pending.action == Action::start) {
        next.spec.power_state = PowerState::stopped;
        goal = Goal::stopped;
    } else if (pending.action == Action::attach) {
        if (find_device(next.spec, pending.device) != nullptr)
            next.leaving.insert_or_assign(pending.device, Leave::taken);
        goal = Goal::detached;
    } else if (pending.action == Action::detach) {
        keep_device(next, pending.device);
        goal = Goal::attached;
    } else {
        take_back_ask(next);
    }
    TRY(commit(entry, std::move(next)));
    pending.error = std::move(error);
    pending.goal = goal;
    pending.deadline.reset();
    return {};
}

// Served, or there is nobody to be served.
bool Engine::is_attached(Entry const& entry, std::string const& id) {
    Record const& record = entry.record;
    if (!record.has_guest() || find_device(record.spec, id) == nullptr) return true;
    auto const found = entry.devices.find(id);
    if (record.leaving.contains(id) || found == entry.devices.end()) return false;
    return found->second.backend == Sight::present && found->second.ends == Ends::published && !found->second.asked;
}

Engine::Settled Engine::settle_one(Entry& entry, Pending& pending, bool quiet) {
    Record const& record = entry.record;
    bool reached = false;
    switch (pending.goal) {
        case Goal::running:  // even if it has ended since
            reached = record.starts != pending.starts &&
                      (record.phase != Phase::started || (entry.guest && !entry.guest->paused));
            break;
        case Goal::paused: reached = record.has_guest() && quiet; break;
        case Goal::settled: reached = quiet; break;
        case Goal::stopped: reached = !record.has_guest() && record.phase == Phase::none && quiet; break;
        case Goal::gone: reached = entry.removed; break;
        case Goal::attached: reached = is_attached(entry, pending.device); break;
        case Goal::detached: reached = find_device(record.spec, pending.device) == nullptr; break;
    }
    if (reached || entry.removed) {
        finish(entry, pending);
        return Settled::done;
    }
    if (pending.error) return Settled::not_yet;
    if (pending.goal == Goal::attached) {
        Result<> undone{};
        if (auto const failed = entry.device_failures.find(pending.device); failed != entry.device_failures.end())
            undone = undo(entry, pending, failed->second);
        if (undone) return Settled::not_yet;
        log::error(undone.error().message());
        return Settled::unwritten;
    }
    bool starting = pending.goal == Goal::running || pending.goal == Goal::paused || pending.goal == Goal::settled;
    if (starting && entry.failures != pending.failures && entry.failure) {
        if (pending.action != Action::create && pending.action != Action::start)
            return fail(entry, pending, *entry.failure);
        Result<> undone = undo(entry, pending, *entry.failure);
        if (undone) return Settled::not_yet;
        log::error(undone.error().message());
        return Settled::unwritten;
    }
    bool const overdue = pending.deadline && Clock::now() >= *pending.deadline;
    return overdue ? settle_overdue(entry, pending) : Settled::not_yet;
}

Engine::Settled Engine::settle_overdue(Entry& entry, Pending& pending) {
    if (pending.action == Action::detach) {
        auto const leaves = entry.record.leaving.find(pending.device);
        bool const goes = leaves != entry.record.leaving.end() && leaves->second == Leave::taken;
        if (goes) {
            pending.deadline.reset();
            return Settled::not_yet;
        }
        Error silent{"", "the guest was asked, but has not let go of it in time", ErrorKind::timed_out};
        Result<> undone = undo(entry, pending, std::move(silent).with("reason", "GUEST_SILENT"));
        if (undone) return Settled::not_yet;
        log::error(undone.error().message());
        return Settled::unwritten;
    }
    bool const asked = pending.action == Action::shutdown || pending.action == Action::reboot;
    if (asked && pending.force) {
        Record next = entry.record;
        next.asked = Asked::restart;
        if (pending.action == Action::shutdown) next.spec.power_state = PowerState::stopped;
        if (Request* request = find_request(next, pending.operation)) request->deadline = {};
        Result<> saved = commit(entry, std::move(next));
        if (!saved) {
            log::error(saved.error().message());
            return Settled::unwritten;
        }
        pending.deadline.reset();
        return Settled::not_yet;
    }
    if (asked) {
        char const* why = entry.record.told ? "the guest was asked, but has not ended in time"
                                            : "the guest could not be asked in time";
        return fail(entry, pending, Error{"", why, ErrorKind::timed_out}.with("reason", "GUEST_SILENT"));
    }
    std::string held = held_words(entry.guest);
    std::string why = held.empty() ? "it has not ended in time" : "it is dead, but " + held;
    return fail(entry, pending, Error{"", why, ErrorKind::timed_out}.with("reason", "HELD_BY_ANOTHER"));
}

void Engine::settle(EntryRef const& entry, Step const& step) {
    bool quiet = step.kind == StepKind::settled || step.kind == StepKind::wait;
    std::erase_if(entry->pending, [&](Pending& pending) {
        Settled const settled = settle_one(*entry, pending, quiet);
        pending.unwritten = settled == Settled::unwritten;
        return settled == Settled::done;
    });
    std::optional<Clock::time_point> first;
    for (Pending const& pending : entry->pending) {
        bool begun = entry->record.starts != pending.starts;
        bool cancellable = is_cancellable(entry->record, pending.action, pending.device) ||
                           ((pending.action == Action::create || pending.action == Action::start) && !begun);
        std::string words = held_words(entry->guest);
        if (!pending.device.empty())
            words =
                (pending.goal == Goal::attached ? "start its backend: " : "take it from the guest: ") + pending.device;
        if (words.empty()) words = words_of(entry->record.phase);
        operations_.set_step(pending.operation, std::move(words), cancellable && !pending.error);
        bool const waits = pending.deadline && !pending.unwritten;
        if (waits && (!first || *pending.deadline < *first)) first = pending.deadline;
    }
    Clock::time_point now = Clock::now();
    bool set_already = first && entry->alarm && *entry->alarm > now && *entry->alarm <= *first;
    if (!first || set_already) return;
    entry->alarm = first;
    wake_after(entry, std::max(std::chrono::nanoseconds{0}, *first - now));
}

// The domain is no more. Who repeats a request of it is still told what became of that.
Result<> Engine::forget(EntryRef const& entry) {
    std::scoped_lock lock{entry->mutex};
    keep(*entry);
    Record const& record = entry->record;
    WallTime const now = wall_now();
    if (is_repeatable(record, now)) {
        TRY(records_.retire(record.uid));
        std::scoped_lock both{mutex_};
        departed_.push_back(record);
        while (departed_.size() > most_departed || !is_repeatable(departed_.front(), now)) {
            records_.drop_retired(departed_.front().uid);
            departed_.pop_front();
        }
    } else {
        TRY(records_.remove(record.uid));
    }
    entry->removed = true;
    tell(EventKind::deleted, record);
    views_.remove(record.uid);
    std::scoped_lock both{mutex_};
    entries_.erase(record.uid);
    return {};
}
}  // namespace paravane

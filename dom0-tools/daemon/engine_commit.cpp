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
}  // namespace

std::optional<std::uint16_t> DomainView::id() const {
    if (!managed || record.has_guest()) return record.guest.id;
    if (guest) return guest->id;
    return std::nullopt;
}

// On disk first: what is not there was never decided.
Result<> Engine::commit(Entry& entry, Record next) {
    note_conditions(next, true, entry.guest, wall_now());
    TRY(records_.save(next));
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

// What was not worth a save by itself. If it cannot be written, the next save has it.
void Engine::keep(Entry& entry) {
    if (!entry.unsaved || entry.removed) return;
    Result<> const saved = records_.save(entry.record);
    entry.unsaved = !saved;
    if (!saved) log::error(saved.error().message());
}

void Engine::publish(Entry& entry) {
    if (entry.removed) return;
    if (note_conditions(entry.record, true, entry.guest, wall_now())) entry.unsaved = true;
    views_.put(entry.record.uid, [&](std::uint64_t revision) {
        return DomainView{.record = entry.record,
                          .managed = true,
                          .guest = entry.guest,
                          .held = held_words(entry.guest),
                          .console = entry.console,
                          .revision = revision};
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

void Engine::end_operation(Entry& entry, Pending const& pending, std::optional<Error> error) {
    // A wish that was not fulfilled may be made again under the same id.
    bool const erased = error && std::erase_if(entry.record.requests,
                                               [&](Request const& r) { return r.operation == pending.operation; }) != 0;
    if (erased) entry.unsaved = true;
    operations_.finish(pending.operation, std::move(error));
}

// Takes back what a failed or cancelled operation has begun. It is done at once, or when `gone` is reached.
void Engine::undo(Entry& entry, Pending& pending, Error error) {
    Record next = entry.record;
    pending.error = std::move(error);
    std::erase_if(next.requests, [&](Request const& r) { return r.operation == pending.operation; });
    if (pending.action == Action::create) {
        next.deleting = true;
        pending.goal = Pending::Goal::gone;
        pending.deadline.reset();
    } else if (pending.action == Action::start) {
        next.spec.power_state = PowerState::stopped;
        pending.goal = Pending::Goal::stopped;
    } else {
        next.asked = Asked::nothing;
        pending.goal = Pending::Goal::settled;
    }
    Result<> saved = commit(entry, std::move(next));
    if (!saved) log::error(saved.error().message());
}

// True when it is done with.
bool Engine::settle_one(Entry& entry, Pending& pending, bool quiet) {
    Record const& record = entry.record;
    using Goal = Pending::Goal;
    bool overdue = pending.deadline && Clock::now() >= *pending.deadline;
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
    }
    if (reached || entry.removed) {
        end_operation(entry, pending, std::exchange(pending.error, std::nullopt));
        return true;
    }
    if (pending.error) return false;
    bool starting = pending.goal == Goal::running || pending.goal == Goal::paused || pending.goal == Goal::settled;
    if (starting && entry.failures != pending.failures && entry.failure) {
        if (pending.action == Action::create || pending.action == Action::start) {
            undo(entry, pending, *entry.failure);
            return false;
        }
        end_operation(entry, pending, entry.failure);
        return true;
    }
    if (!overdue) return false;
    bool asked = pending.action == Action::shutdown || pending.action == Action::reboot;
    if (asked && pending.force) {
        Record next = record;
        next.asked = Asked::restart;
        if (pending.action == Action::shutdown) next.spec.power_state = PowerState::stopped;
        pending.deadline.reset();
        Result<> saved = commit(entry, std::move(next));
        if (!saved) log::error(saved.error().message());
        return false;
    }
    if (asked) {
        Record next = record;
        next.asked = Asked::nothing;
        Result<> saved = commit(entry, std::move(next));
        if (!saved) log::error(saved.error().message());
        Error silent{"", "the guest was asked, but has not ended in time", ErrorKind::timed_out};
        end_operation(entry, pending, std::move(silent).with("reason", "GUEST_SILENT"));
        return true;
    }
    std::string held = held_words(entry.guest);
    std::string why = held.empty() ? "it has not ended in time" : "it is dead, but " + held;
    end_operation(entry, pending, Error{"", why, ErrorKind::timed_out}.with("reason", "HELD_BY_ANOTHER"));
    return true;
}

void Engine::settle(EntryRef const& entry, Step const& step) {
    bool quiet = step.kind == StepKind::settled || step.kind == StepKind::wait;
    std::erase_if(entry->pending, [&](Pending& pending) { return settle_one(*entry, pending, quiet); });
    std::optional<Clock::time_point> first;
    for (Pending const& pending : entry->pending) {
        bool begun = entry->record.starts != pending.starts;
        bool cancellable = pending.action == Action::shutdown || pending.action == Action::reboot ||
                           ((pending.action == Action::create || pending.action == Action::start) && !begun);
        std::string words = held_words(entry->guest);
        if (words.empty()) words = words_of(entry->record.phase);
        operations_.set_step(pending.operation, std::move(words), cancellable && !pending.error);
        if (pending.deadline && (!first || *pending.deadline < *first)) first = pending.deadline;
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

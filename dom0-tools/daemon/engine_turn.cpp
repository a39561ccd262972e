// SPDX-License-Identifier: MIT
// The strand of a domain: looks, asks the reconciler, takes the step, and again, until there is nothing to do.
#include <algorithm>

#include "daemon/conditions.hpp"
#include "daemon/entry.hpp"
#include "domain/uuid.hpp"
#include "os/log.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;

constexpr auto retry_step = 2s;   // of a step that failed and should not have
constexpr int most_pauses = 255;  // Xen counts them up to this
constexpr int steps_a_turn = 64;
constexpr int tell_after = 9;  // looks at a guest that is held: a quarter of a second

// Whether there is nothing new to show. Of memory only what is left of a dead guest counts.
bool is_as_before(std::optional<SeenGuest> const& now, std::optional<SeenGuest> const& before) {
    if (!now || !before) return now.has_value() == before.has_value();
    return now->id == before->id && now->paused == before->paused && now->shutdown == before->shutdown &&
           now->dying == before->dying && (!now->dying || now->pages == before->pages);
}
}  // namespace

void Engine::wake(EntryRef const& entry) {
    {
        std::scoped_lock lock{entry->mutex};
        entry->again = true;
        if (entry->removed || std::exchange(entry->scheduled, true)) return;
    }
    pool_.post([this, entry] { turn(entry, Lane::main); });
}

void Engine::wake_after(EntryRef const& entry, std::chrono::nanoseconds delay) {
    pool_.post_after(delay, [this, weak = std::weak_ptr{entry}] {
        if (EntryRef alive = weak.lock()) wake(alive);
    });
}

// The entry's lock is held. However much fails meanwhile, it is one wake.
void Engine::retry_soon(Entry& entry) {
    if (std::exchange(entry.retries, true)) return;
    pool_.post_after(retry_step, [this, uid = entry.record.uid] {
        EntryRef const alive = find_entry(uid);
        if (!alive) return;
        {
            std::scoped_lock lock{alive->mutex};
            alive->retries = false;
        }
        wake(alive);
    });
}

void Engine::turn(EntryRef const& entry, Lane lane) {
    for (int step = 0;; ++step) {
        {
            std::scoped_lock lock{entry->mutex};
            entry->again = false;
        }
        Next next = step < steps_a_turn ? one_step(entry, lane) : Next::rest;
        Lane other = next == Next::to_store     ? Lane::store
                     : next == Next::to_build   ? Lane::build
                     : next == Next::to_backend ? Lane::backend
                                                : Lane::main;
        if (next != Next::rest && other != lane) {
            pool_of(other).post([this, entry, other] { turn(entry, other); });
            return;
        }
        if (next == Next::again) continue;
        std::scoped_lock lock{entry->mutex};
        if (step >= steps_a_turn || (entry->again && !entry->removed)) {
            pool_.post([this, entry] { turn(entry, Lane::main); });  // others first
            return;
        }
        keep(*entry);
        entry->scheduled = false;
        return;
    }
}

Executor& Engine::pool_of(Lane lane) {
    switch (lane) {
        case Lane::store: return store_pool_;
        case Lane::build: return build_pool_;
        case Lane::backend: return backend_pool_;
        case Lane::main: break;
    }
    return pool_;
}

Result<Seen> Engine::look(Entry& entry, Record const& record) {
    Seen seen;
    seen.now = wall_now();
    seen.boot = settings_.boot;
    seen.corpse_recorded = !record.corpse.empty() && find_entry(record.corpse) != nullptr;
    if (record.phase == Phase::started) seen.fresh_uid = to_string(random_handle());
    auto take_if_ours = [&](DomainInfo const& info) {
        if (to_string(info.handle) == record.uid) seen.guests.push_back(seen_guest(info));
    };
    if (record.has_guest()) {
        Result<DomainInfo> info = hypervisor_.domctl.domain_info(record.guest.id);
        if (info) take_if_ours(*info);
        else if (info.error().kind != ErrorKind::not_found) return std::move(info).error();
    } else if (entry.anything_there.exchange(false)) {
        Result<std::vector<DomainInfo>> all = hypervisor_.sysctl.list_domains();
        if (all) std::ranges::for_each(*all, take_if_ours);
        if (!all || !seen.guests.empty()) entry.anything_there = true;
        if (!all) return std::move(all).error();
    }
    if (entry.nodes_epoch != store_.epoch()) {
        entry.nodes = Sight::unknown;
        for (auto& [id, device] : entry.devices) device.ends = Ends::unknown;
    }
    // Neither a guest that was not built nor one of a former start of the host has nodes: its number is another's now.
    bool const has_number = record.guest.id != 0 && record.boot == settings_.boot;
    seen.nodes = has_number ? entry.nodes : Sight::missing;
    seen.devices = look_at_devices(entry, record);
    return seen;
}

Engine::Next Engine::one_step(EntryRef const& entry, Lane lane) {
    Record record;
    {
        std::scoped_lock lock{entry->mutex};
        if (entry->removed) return Next::rest;
        record = entry->record;
    }
    Result<Seen> looked = look(*entry, record);
    if (!looked) {  // not to see is not to see that it is gone
        log::error(record.spec.name + ": " + looked.error().message());
        std::scoped_lock lock{entry->mutex};
        retry_soon(*entry);
        return Next::rest;
    }
    Seen const& seen = *looked;
    bool uses_nodes = record.phase == Phase::ready || record.phase == Phase::started;
    bool const all_seen =
        seen.nodes != Sight::unknown && std::ranges::none_of(seen.devices, [](SeenDevice const& device) {
            return device.negotiates && device.ends == Ends::unknown;
        });
    bool must_see = uses_nodes && !all_seen && record.guest.ports.console != 0 && store_.answers();
    if (must_see && lane != Lane::store) return Next::to_store;
    if (must_see) {
        std::uint64_t epoch = store_.epoch();
        Result<> asked = store_.with_nodes([&](DomainNodes& nodes) -> Result<> {
            entry->nodes = TRY(nodes.is_published(record.guest.id)) ? Sight::present : Sight::missing;
            TRY(look_at_ends_of(*entry, record, nodes.client()));
            entry->nodes_epoch = epoch;
            return {};
        });
        if (!asked) return failed(entry, {.kind = StepKind::publish}, std::move(asked).error());
        return Next::again;
    }

    Step step;
    {
        std::scoped_lock lock{entry->mutex};
        std::optional<SeenGuest> guest;
        if (!seen.guests.empty()) guest = seen.guests.front();
        bool changed = !is_as_before(guest, entry->guest);
        entry->guest = guest;
        step = next_step(entry->record, seen);
        if (step.kind != StepKind::wait_held && step.kind != StepKind::wait_device) entry->held_looks = 0;
        if (changed) publish(*entry);
        settle(entry, step);
        if (entry->again) return Next::again;  // it is wanted otherwise now
        if (step.kind == StepKind::write) {
            if (step.next->phase != Phase::ready && step.next->phase != Phase::started) {
                entry->devices.clear();
                entry->device_failures.clear();
                if (step.next->phase == Phase::none) entry->nodes = Sight::unknown;
            }
            Result<> saved = commit(*entry, *std::move(step.next));
            if (saved) return Next::again;
            log::error(saved.error().message());
            tell(EventKind::failed, entry->record, "STEP_FAILED", saved.error().message());
            return Next::rest;
        }
    }
    switch (step.kind) {
        case StepKind::settled: return Next::rest;
        case StepKind::wait: wake_after(entry, step.until - seen.now); return Next::rest;
        case StepKind::wait_held: return hold(entry, step);
        default: break;
    }
    if (needs_store(step.kind)) {
        if (!store_.answers()) return Next::rest;  // its return wakes us
        if (lane != Lane::store) return Next::to_store;
    }
    if (step.kind == StepKind::build && lane != Lane::build) return Next::to_build;
    if (needs_supervisor(step.kind) && lane != Lane::backend) return Next::to_backend;
    Result<> taken = take(entry, record, step);
    if (!taken) return failed(entry, step, std::move(taken).error());
    if (step.kind == StepKind::wait_device && !entry->devices[step.device].let_go) return hold(entry, step);
    return Next::again;
}

Result<> Engine::take(EntryRef const& entry, Record const& record, Step const& step) {
    switch (step.kind) {
        case StepKind::build: return build(entry, record);
        case StepKind::publish: {
            std::uint64_t epoch = store_.epoch();
            TRY(store_.with_nodes(
                [&](DomainNodes& nodes) { return nodes.publish(record.guest, record.uid, record.spec); }));
            entry->nodes = Sight::present;
            for (auto& [id, device] : entry->devices) device.ends = Ends::missing;  // they were among those
            entry->nodes_epoch = epoch;
            return {};
        }
        case StepKind::ask: return ask(entry, record);
        case StepKind::offer_device:
        case StepKind::start_device:
        case StepKind::publish_device:
        case StepKind::ask_device:
        case StepKind::keep_device:
        case StepKind::wait_device:
        case StepKind::stop_device:
        case StepKind::withdraw_device: return take_of_device(entry, record, step);
        case StepKind::pause:
            TRY(hypervisor_.domctl.pause(step.id));
            tell(EventKind::paused, record);
            return {};
        case StepKind::unpause: {
            bool paused = true;
            for (int count = 0; paused && count < most_pauses; ++count) {
                TRY(hypervisor_.domctl.unpause(step.id));
                DomainInfo info = TRY(hypervisor_.domctl.domain_info(step.id));
                paused = info.paused;
            }
            tell(EventKind::unpaused, record);
            return {};
        }
        case StepKind::destroy: {
            Result<> ended = hypervisor_.domctl.destroy(step.id);
            if (!ended && ended.error().kind != ErrorKind::not_found) return ended;
            if (record.guest.id == step.id) devices_.forget(record);
            return {};
        }
        case StepKind::remove_nodes: {
            std::uint64_t epoch = store_.epoch();
            TRY(store_.with_nodes([&](DomainNodes& nodes) { return nodes.remove(record.guest.id, record.uid); }));
            entry->nodes = Sight::missing;
            entry->nodes_epoch = epoch;
            return {};
        }
        case StepKind::give_handle: {
            std::optional<DomainHandle> handle = parse_uuid(record.corpse);
            if (!handle) return Error{"", "the uid of the corpse is none"};
            return hypervisor_.domctl.set_handle(step.id, *handle);
        }
        case StepKind::write_corpse: return write_corpse(record);
        case StepKind::remove_record:
            TRY(forget(entry));
            {
                std::scoped_lock lock{entry->mutex};
                settle(entry, step);
            }
            return {};
        case StepKind::settled:
        case StepKind::wait:
        case StepKind::wait_held:
        case StepKind::write: break;
    }
    return {};
}

Result<> Engine::build(EntryRef const& entry, Record const& record) {
    entry->anything_there = true;
    entry->nodes = Sight::missing;
    std::stop_source building;
    {
        std::scoped_lock lock{entry->mutex};
        entry->building = building;
        if (stopping_ || !entry->record.wants_guest()) building.request_stop();
    }
    GuestPlace guest = TRY(maker_.make(record, building.get_token()));
    std::scoped_lock lock{entry->mutex};
    Record next = entry->record;
    next.phase = Phase::ready;
    next.guest = guest;
    for (Device const& device : devices_.of(next))  // whatever else had its number
        entry->devices[device.id] = {.id = device.id, .backend = Sight::missing, .ends = Ends::missing};
    entry->nodes_epoch = store_.epoch();
    return commit(*entry, std::move(next));
}

// Under the first name that nobody has.
Result<> Engine::write_corpse(Record const& record) {
    std::string name;
    for (int number = 1;; ++number) {
        name = record.spec.name.substr(0, 56) + "-" + std::to_string(number);
        if (!find({.name = name, .uid = ""})) break;
    }
    Record corpse = make_corpse(record, name, wall_now());
    note_conditions(corpse, true, std::nullopt, corpse.created);
    TRY(records_.save(corpse));
    EntryRef entry = add(std::move(corpse));
    std::scoped_lock lock{entry->mutex};
    tell(EventKind::created, entry->record);
    publish(*entry);
    return {};
}

// The guest is told, then that it was; so it may be told twice, but never not at all.
Result<> Engine::ask(EntryRef const& entry, Record const& record) {
    std::string const word = record.asked == Asked::reboot ? "reboot" : "poweroff";
    TRY(store_.with_nodes([&](DomainNodes& nodes) { return nodes.ask(record.guest.id, record.uid, word); }));
    std::scoped_lock lock{entry->mutex};
    Record next = entry->record;
    if (next.asked != record.asked || next.guest.id != record.guest.id) return {};  // it is wanted otherwise now
    next.told = true;
    return commit(*entry, std::move(next));
}

// Who holds a dead guest's memory lets go when xenstored tells it, or when it ends. However long that takes. And a
// guest that was asked for a device has all the time until somebody gives up.
Engine::Next Engine::hold(EntryRef const& entry, Step const& step) {
    std::chrono::nanoseconds delay =
        std::min<std::chrono::nanoseconds>(1ms * (1 << std::min(entry->held_looks, 10)), 1s);
    if (++entry->held_looks == tell_after && step.kind == StepKind::wait_held) {
        std::scoped_lock lock{entry->mutex};
        tell(EventKind::held, entry->record, "HELD_BY_ANOTHER", held_words(entry->guest));
    }
    wake_after(entry, delay);
    return Next::rest;
}

Engine::Next Engine::failed(EntryRef const& entry, Step const& step, Error error) {
    // The store's return wakes us; and a guest that went is seen at the next look.
    if (error.kind == ErrorKind::unavailable && needs_store(step.kind)) return Next::rest;
    std::scoped_lock lock{entry->mutex};
    Record const& record = entry->record;
    bool cancelled = error.kind == ErrorKind::cancelled;
    // The request was checked and the name is ours: what a step does not find is not the domain.
    bool misleading = error.kind == ErrorKind::not_found || error.kind == ErrorKind::exists;
    if (misleading) error.kind = ErrorKind::internal;
    if (!cancelled) {
        log::error(record.spec.name + ": " + error.message());
        tell(EventKind::failed, record, "STEP_FAILED", error.message());
    }
    // One that comes to a guest that waits paused is no part of its start.
    bool const is_extra = std::ranges::any_of(entry->pending, [&](Pending const& pending) {
        return pending.action == Action::attach && pending.device == step.device;
    });
    bool start_failed = step.kind == StepKind::build || (record.phase == Phase::ready && record.wants_guest() &&
                                                         step.kind != StepKind::destroy && !is_extra);
    if (start_failed && !cancelled) {
        Record next = record;
        note_failure(next, error.message(), wall_now());
        entry->failure = error;
        ++entry->failures;
        Result<> saved = commit(*entry, std::move(next));
        if (saved) return Next::again;
        log::error(saved.error().message());
    }
    if (cancelled) return Next::again;
    if (step.kind == StepKind::publish) entry->nodes = Sight::unknown;
    if (!step.device.empty()) {
        SeenDevice& device = entry->devices[step.device];
        if (needs_store(step.kind)) device.ends = Ends::unknown;
        else device.backend = Sight::unknown;
        entry->device_failures.insert_or_assign(step.device, std::move(error));
        publish(*entry);
        settle(entry, step);
        if (entry->again) return Next::again;
    } else if (step.kind != StepKind::ask) {
        entry->failure = std::move(error);
        ++entry->failures;
        settle(entry, step);
    }
    retry_soon(*entry);
    return Next::rest;
}
}  // namespace paravane

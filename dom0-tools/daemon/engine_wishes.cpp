// SPDX-License-Identifier: MIT
// Wishes: checked, written down, and handed to the strand of their domain.
#include <algorithm>
#include <ranges>
#include <tuple>

#include "daemon/entry.hpp"
#include "domain/uuid.hpp"

namespace paravane {
namespace {
using Clock = std::chrono::steady_clock;

constexpr std::chrono::nanoseconds longest_wait = std::chrono::hours{25};

Error wrong_state(std::string why) {
    return Error{"", std::move(why), ErrorKind::precondition}.with("reason", "WRONG_STATE");
}

Result<> check_actions(DomainSpec const& spec) {
    for (EndAction action : {spec.on_poweroff, spec.on_reboot, spec.on_crash, spec.on_watchdog}) {
        bool absent = action == EndAction::coredump_destroy || action == EndAction::coredump_restart ||
                      action == EndAction::soft_reset;
        if (!absent) continue;
        return Error{"", "this host has neither core dumps nor soft resets", ErrorKind::unsupported}.with(
            "reason", "FEATURE_ABSENT");
    }
    return {};
}

Result<> check_request_id(std::string const& id) {
    auto good = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    };
    if (id.size() <= 64 && std::ranges::all_of(id, good)) return {};
    return Error{"request_id", "is not of at most 64 letters, digits and '-'", ErrorKind::invalid}.with(
        "field", "mutation.request_id");
}

Goal goal_of(Record const& record, Action action) {
    switch (action) {
        case Action::create:
        case Action::start:
            // One that runs already stays as it is.
            if (action == Action::start && record.phase == Phase::started) return Goal::settled;
            return record.spec.power_state == PowerState::running  ? Goal::running
                   : record.spec.power_state == PowerState::paused ? Goal::paused
                                                                   : Goal::settled;
        case Action::reboot: return Goal::running;
        case Action::restart: return record.spec.power_state == PowerState::paused ? Goal::paused : Goal::running;
        case Action::shutdown:
        case Action::stop: return Goal::stopped;
        case Action::remove: return Goal::gone;
        case Action::attach: return Goal::attached;
        case Action::detach: return Goal::detached;
        case Action::update:
        case Action::pause:
        case Action::unpause: break;
    }
    return Goal::settled;
}

// All else counts at once.
bool is_built_otherwise(DomainSpec const& one, DomainSpec const& other) {
    auto const built_from = [](DomainSpec const& spec) {
        return std::tie(spec.kernel, spec.initrd, spec.cmdline, spec.memory, spec.vcpus);
    };
    return built_from(one) != built_from(other);
}

bool is_of_device(Action action) { return action == Action::attach || action == Action::detach; }
// What contradicts a wish has lost. A domain's devices come and go beside what it does.
bool replaces_others(Action action) { return action != Action::update && !is_of_device(action); }

Error no_such_device() {
    return Error{"", "it has no such device", ErrorKind::not_found}.with("reason", "NO_SUCH_DEVICE");
}

// Errors are about the one that is attached, by the name that it has in the request.
Result<> check_attached(DomainSpec const& spec) {
    Result<> checked = check_domain_spec(spec);
    if (checked) return checked;
    Error& error = checked.error();
    std::string const name = "devices[" + std::to_string(spec.devices.size() - 1) + "]";
    if (error.step.starts_with(name)) error.step.replace(0, name.size(), "device");
    error.facts["field"] = error.step;
    return std::move(error);
}

Error superseded() { return Error{"", "another call took its place", ErrorKind::aborted}.with("reason", "SUPERSEDED"); }

Error reused() {
    return Error{"", "the request id was used for another request", ErrorKind::invalid}.with("reason",
                                                                                             "REQUEST_ID_REUSED");
}
}  // namespace

Result<Granted> Engine::wish(Wish wish) {
    TRY(check_request_id(wish.request_id));
    if (wish.action == Action::create) return create(wish);
    Result<std::shared_ptr<DomainView const>> view = find(wish.target);
    if (!view) {
        std::optional<Granted> again = TRY(repeated_of_departed(wish));
        if (again) return *std::move(again);
        if (wish.action == Action::remove && wish.allow_missing && view.error().kind == ErrorKind::not_found)
            return Granted{};
        return std::move(view).error();
    }
    EntryRef entry = find_entry((*view)->record.uid);
    if (entry && wish.action == Action::attach) {
        {
            std::scoped_lock lock{entry->mutex};
            std::optional<Granted> again = TRY(repeated(*entry, wish));
            if (again) return *std::move(again);
        }
        TRY(check_device_spec(wish.device, "device"));
        TRY(devices_.check(wish.device));
    }
    if (entry) return wish_for(entry, wish);
    return wish_for_foreign(**view, wish);
}

Result<> Engine::check_free_name(std::string const& name) const {
    Result<std::shared_ptr<DomainView const>> other = find({.name = name, .uid = ""});
    if (!other) return {};
    std::string who;
    if (std::optional<std::uint16_t> id = (*other)->id()) who = " by domain " + std::to_string(*id);
    return Error{"", "the name is taken" + who, ErrorKind::exists}
        .with("reason", "NAME_TAKEN")
        .with("owner", (*other)->record.uid);
}

Result<Granted> Engine::create(Wish& wish) {
    TRY(check_domain_spec(wish.spec));
    TRY(check_actions(wish.spec));
    if (!wish.uid.empty() && !parse_uuid(wish.uid))
        return Error{"uid", "is not a UUID in lower case", ErrorKind::invalid}.with("field", "metadata.uid");
    Result<std::shared_ptr<DomainView const>> other = find({.name = wish.spec.name, .uid = wish.uid});
    EntryRef same = other ? find_entry((*other)->record.uid) : nullptr;
    if (same && !wish.request_id.empty()) {
        std::scoped_lock lock{same->mutex};
        std::optional<Granted> granted = TRY(repeated(*same, wish));
        if (granted) return *std::move(granted);
    }
    std::optional<Granted> before = TRY(repeated_of_departed(wish));
    if (before) return *std::move(before);
    TRY(check_free_name(wish.spec.name));
    for (DeviceSpec const& device : wish.spec.devices) TRY(devices_.check(device));
    if (other) return Error{"", "the uid is taken", ErrorKind::exists}.with("reason", "NAME_TAKEN");
    Record record;
    record.uid = wish.uid.empty() ? to_string(random_handle()) : wish.uid;
    record.spec = wish.spec;
    record.created = record.updated = wall_now();
    if (wish.validate_only) {
        std::stop_source over;
        auto const end = [&] { over.request_stop(); };
        std::stop_callback const when_we_end{ending_.get_token(), end}, when_given_up{wish.given_up, end};
        TRY(maker_.check_files(wish.spec, over.get_token()));
        return Granted{"", std::make_shared<DomainView const>(DomainView{.record = record, .guest = {}, .held = ""})};
    }

    auto entry = std::make_shared<Entry>(record);
    entry->anything_there = !wish.uid.empty();
    {
        // Whoever else wants the name finds it taken from here on.
        std::scoped_lock lock{mutex_};
        for (auto const& [uid, each] : entries_) {
            if (each->name == record.spec.name || uid == record.uid)
                return Error{"", "the name is taken", ErrorKind::exists}.with("reason", "NAME_TAKEN");
        }
        entries_.emplace(record.uid, entry);
    }
    Granted granted;
    {
        std::scoped_lock lock{entry->mutex};
        Request const request = request_for(record, wish);
        Result<> saved = remember(record, request);
        if (saved) saved = commit(*entry, record);
        if (!saved) {
            (void)records_.remove(record.uid);  // it may have got there after all
            entry->removed = true;
            std::scoped_lock both{mutex_};
            entries_.erase(record.uid);
            return std::move(saved).error();
        }
        tell(EventKind::created, record);
        granted = begin(entry, wish, request);
    }
    wake(entry);
    return granted;
}

// The same wish as before? Its operation, as it is by now.
Result<std::optional<Granted>> Engine::repeated(Entry& entry, Wish const& wish) {
    if (wish.request_id.empty() || entry.removed) return std::optional<Granted>{};
    auto found = std::ranges::find(entry.record.requests, wish.request_id, &Request::id);
    if (found == entry.record.requests.end()) return std::optional<Granted>{};
    if (found->method != wish.method || found->digest != wish.digest) return reused();
    std::shared_ptr<DomainView const> view = views_.find(entry.record.uid);
    // All that are under way are there: what is not was done, and then forgotten.
    if (!operations_.find(found->operation)) recall(entry.record, *found);
    return std::optional{Granted{found->operation, view}};
}

// The same, of a domain that is no more, by whatever name and uid it went: what is asked now may be of another.
Result<std::optional<Granted>> Engine::repeated_of_departed(Wish const& wish) {
    if (wish.request_id.empty()) return std::optional<Granted>{};
    std::scoped_lock lock{mutex_};
    for (Record const& record : departed_ | std::views::reverse) {
        bool const meant =
            wish.target.uid.empty() ? record.spec.name == wish.target.name : record.uid == wish.target.uid;
        auto found = std::ranges::find(record.requests, wish.request_id, &Request::id);
        if (!meant || found == record.requests.end()) continue;
        if (found->method != wish.method || found->digest != wish.digest) return reused();
        if (!operations_.find(found->operation)) recall(record, *found);
        return std::optional{Granted{found->operation, nullptr}};
    }
    return std::optional<Granted>{};
}

// An operation that has ended and is not in the table any more, or not in that of this daemon.
void Engine::recall(Record const& record, Request const& request) {
    operations_.begin(operation_of(record, request));
    bool const lost = request.outcome == Outcome::superseded;
    operations_.finish(request.operation, lost ? std::optional{superseded()} : std::nullopt);
}

Operation Engine::operation_of(Record const& record, Request const& request) {
    return {.uid = request.operation,
            .method = request.method,
            .target_uid = record.uid,
            .target_name = record.spec.name,
            .request_id = request.id,
            .caller = "",
            .traceparent = "",
            .created = request.time};
}

// `record`: with the wish in it.
Request Engine::request_for(Record const& record, Wish const& wish) const {
    Request request{.id = wish.request_id,
                    .method = wish.method,
                    .digest = wish.digest,
                    .operation = to_string(random_handle()),
                    .time = wall_now()};
    request.action = wish.action;
    request.goal = goal_of(record, wish.action);
    request.starts = record.starts;
    request.device = wish.device.id;
    if (wish.action == Action::detach && !wish.force) request.deadline = request.time + wish.grace;
    if (wish.action == Action::shutdown || wish.action == Action::reboot) {
        request.deadline = request.time + wish.grace;
        request.force = wish.force;
    }
    if (wish.action == Action::stop || wish.action == Action::remove)
        request.deadline = request.time + settings_.held_limit;
    return request;
}

Engine::Pending Engine::pending_of(Entry const& entry, Request const& request) {
    Pending pending{.operation = request.operation, .action = request.action, .goal = request.goal};
    pending.starts = request.starts;
    pending.failures = entry.failures;
    pending.force = request.force;
    pending.device = request.device;
    if (request.deadline != WallTime{}) {
        // A clock that was set back meanwhile does not make it longer than any could be.
        auto const left = std::clamp<std::chrono::nanoseconds>(request.deadline - wall_now(), {}, longest_wait);
        pending.deadline = Clock::now() + left;
    }
    return pending;
}

Granted Engine::begin(EntryRef const& entry, Wish const& wish, Request const& request) {
    Operation operation = operation_of(entry->record, request);
    operation.caller = wish.caller;
    operation.traceparent = wish.traceparent;
    operations_.begin(std::move(operation));
    if (replaces_others(wish.action)) {
        std::erase_if(entry->pending, [&](Pending& other) {
            if (is_of_device(other.action)) return false;
            operations_.finish(other.operation, other.error ? std::move(other.error) : superseded());
            return true;
        });
    }
    entry->pending.push_back(pending_of(*entry, request));
    return {request.operation, views_.find(entry->record.uid)};
}

// What the record knows of operations that a predecessor has begun; the entry's lock is held.
void Engine::resume(Entry& entry) {
    bool asks = false;
    for (Request const& request : entry.record.requests) {
        if (request.outcome != Outcome::under_way) {
            recall(entry.record, request);
            continue;
        }
        operations_.begin(operation_of(entry.record, request));
        entry.pending.push_back(pending_of(entry, request));
        asks = asks || request.action == Action::shutdown || request.action == Action::reboot;
    }
    if (!asks) take_back_ask(entry.record);
}

Result<> Engine::check(Entry const& entry, Wish const& wish) const {
    Record const& record = entry.record;
    if (!wish.etag.empty() && wish.etag != record.etag())
        return Error{"", "it has changed meanwhile", ErrorKind::aborted}.with("reason", "ETAG_MISMATCH");
    std::string const& manager = record.spec.managed_by;
    if (!manager.empty() && manager != wish.manager && !wish.override_manager) {
        return Error{"", "it is managed by " + manager, ErrorKind::precondition}
            .with("reason", "MANAGED_BY_ANOTHER")
            .with("owner", manager);
    }
    if (record.deleting && wish.action != Action::remove) return wrong_state("it is being deleted");
    if (is_of_device(wish.action)) return check_device(entry, wish);
    bool of_running = wish.action == Action::pause || wish.action == Action::unpause ||
                      wish.action == Action::shutdown || wish.action == Action::reboot;
    if (!of_running) return {};
    bool has_guest = record.phase == Phase::ready || record.phase == Phase::started || record.phase == Phase::building;
    if (record.phase == Phase::kept || (has_guest && entry.guest && entry.guest->shutdown))
        return wrong_state("it has already ended");
    if (!has_guest || !record.wants_guest()) return wrong_state("it has no guest that runs");
    if (wish.action == Action::pause || wish.action == Action::unpause) return {};
    bool paused = record.spec.power_state == PowerState::paused;
    if (paused) return wrong_state("it is paused");
    if (!store_.answers()) return Error{"", "xenstored does not answer", ErrorKind::unavailable};
    return {};
}

Result<> Engine::check_device(Entry const& entry, Wish const& wish) {
    Record const& record = entry.record;
    std::string const& id = wish.device.id;
    bool const exists = id == console_id || find_device(record.spec, id) != nullptr;
    if (wish.action == Action::attach && exists) {
        return Error{"", "it has a device of that id", ErrorKind::exists}
            .with("reason", "DEVICE_EXISTS")
            .with("owner", record.uid);
    }
    if (wish.action == Action::detach && !exists) return no_such_device();
    if (id == console_id) return wrong_state("every domain has its console");
    bool const has_ended = record.phase == Phase::kept || record.phase == Phase::leaving ||
                           record.phase == Phase::ending || (entry.guest && entry.guest->shutdown);
    if (has_ended) return wrong_state("its guest has ended");
    if (wish.action == Action::detach && !wish.force && record.leaving.contains(id))
        return wrong_state("it is being detached already");
    return {};
}

Result<Record> Engine::with_wish(Entry const& entry, Wish& wish) const {
    Record next = entry.record;
    if (replaces_others(wish.action)) {
        for (Pending const& other : entry.pending)
            if (!is_of_device(other.action)) end_request(next, other.operation, Outcome::superseded);
        take_back_ask(next);
    }
    switch (wish.action) {
        case Action::create: break;
        case Action::update: {
            DomainSpec spec = next.spec;
            TRY(wish.edit(spec));
            if (spec.name != next.spec.name)
                return Error{"name", "does not change", ErrorKind::invalid}.with("field", "metadata.name");
            TRY(check_domain_spec(spec));
            TRY(check_actions(spec));
            if (spec.devices != next.spec.devices && next.phase != Phase::none)
                return wrong_state("it has a guest, whose devices are attached and detached");
            next.spec = std::move(spec);
            break;
        }
        case Action::remove: next.deleting = true; break;
        case Action::start:
            next.spec.power_state = wish.paused ? PowerState::paused : PowerState::running;
            next.not_before = {};
            next.short_lives = 0;
            if (next.phase == Phase::started) next.spec.power_state = entry.record.spec.power_state;
            if (next.phase == Phase::kept || next.phase == Phase::ending) next.asked = Asked::restart;
            if (next.phase == Phase::ending) next.after = After::restart;
            break;
        case Action::stop: next.spec.power_state = PowerState::stopped; break;
        case Action::shutdown: next.asked = Asked::poweroff; break;
        case Action::reboot: next.asked = Asked::reboot; break;
        case Action::restart:
            if (!next.wants_guest()) return wrong_state("it has no guest");
            next.asked = Asked::restart;
            next.not_before = {};
            break;
        case Action::pause: next.spec.power_state = PowerState::paused; break;
        case Action::unpause: next.spec.power_state = PowerState::running; break;
        case Action::attach:
            next.spec.devices.push_back(wish.device);
            TRY(check_attached(next.spec));
            break;
        case Action::detach:
            if (next.has_guest())
                next.leaving.insert_or_assign(wish.device.id, wish.force ? Leave::taken : Leave::asked);
            else std::erase_if(next.spec.devices, [&](DeviceSpec const& each) { return each.id == wish.device.id; });
            break;
    }
    if (next.spec != entry.record.spec) {
        bool const as_built =
            next.built_generation == next.generation && !is_built_otherwise(next.spec, entry.record.spec);
        ++next.generation;
        if (as_built) next.built_generation = next.generation;
    }
    next.updated = wall_now();
    return next;
}

Result<Granted> Engine::wish_for(EntryRef const& entry, Wish& wish) {
    Granted granted;
    {
        std::scoped_lock lock{entry->mutex};
        if (entry->removed)
            return Error{"", "there is no such domain", ErrorKind::not_found}.with("reason", "NO_SUCH_DOMAIN");
        std::optional<Granted> again = TRY(repeated(*entry, wish));
        if (!again) again = TRY(repeated_of_departed(wish));
        if (again) return *std::move(again);
        TRY(check(*entry, wish));
        Record next = TRY(with_wish(*entry, wish));
        if (wish.validate_only) {
            DomainView view{.record = std::move(next), .guest = {}, .held = ""};
            return Granted{"", std::make_shared<DomainView const>(std::move(view))};
        }
        Request const request = request_for(next, wish);
        TRY(remember(next, request));
        TRY(commit(*entry, std::move(next)));
        if (wish.action == Action::update || is_of_device(wish.action)) tell(EventKind::updated, entry->record);
        if (wish.action == Action::attach) entry->device_failures.erase(wish.device.id);
        granted = begin(entry, wish, request);
    }
    wake(entry);
    return granted;
}

// A domain that another tool made: done at once, on the pool.
Result<Granted> Engine::wish_for_foreign(DomainView const& view, Wish const& wish) {
    std::uint16_t id = view.record.guest.id;
    if (id == 0) return wrong_state("domain 0 is this one");
    bool ends = wish.action == Action::stop || wish.action == Action::remove;
    if (!ends && wish.action != Action::pause && wish.action != Action::unpause)
        return wrong_state("it was made by another tool");
    auto same = std::make_shared<DomainView const>(view);
    if (wish.validate_only) return Granted{"", same};
    std::string operation = operations_.begin({.uid = "",
                                               .method = wish.method,
                                               .target_uid = view.record.uid,
                                               .target_name = view.record.spec.name,
                                               .request_id = wish.request_id,
                                               .caller = wish.caller,
                                               .traceparent = wish.traceparent});
    pool_.post([this, id, ends, operation, action = wish.action] {
        Result<> done = ends                      ? hypervisor_.domctl.destroy(id)
                        : action == Action::pause ? hypervisor_.domctl.pause(id)
                                                  : hypervisor_.domctl.unpause(id);
        Result<> swept = sweep();
        if (done && !swept) done = swept;
        operations_.finish(operation, done ? std::optional<Error>{} : std::move(done).error());
    });
    return Granted{operation, same};
}

Result<> Engine::cancel(std::string const& operation) {
    std::optional<Operation> known = operations_.find(operation);
    if (!known) {
        return Error{"", "there is no such operation", ErrorKind::not_found}.with("reason", "NO_SUCH_OPERATION");
    }
    EntryRef entry = find_entry(known->target_uid);
    bool cancelled = false;
    if (entry) {
        std::scoped_lock lock{entry->mutex};
        auto pending = std::ranges::find(entry->pending, operation, &Pending::operation);
        if (pending != entry->pending.end() && !pending->error) {
            Action action = pending->action;
            bool starting =
                (action == Action::create || action == Action::start) && entry->record.starts == pending->starts;
            if (starting || is_cancellable(entry->record, action, pending->device)) {
                TRY(undo(*entry, *pending, Error{"", "it was cancelled", ErrorKind::cancelled}));
                operations_.set_cancel_requested(operation);
                cancelled = true;
            }
        }
    }
    if (!cancelled) return wrong_state("it cannot be cancelled any more");
    wake(entry);
    return {};
}
}  // namespace paravane

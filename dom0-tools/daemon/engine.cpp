// SPDX-License-Identifier: MIT
#include "daemon/engine.hpp"

#include <algorithm>
#include <set>

#include "daemon/conditions.hpp"
#include "daemon/entry.hpp"
#include "domain/utf8.hpp"
#include "domain/uuid.hpp"
#include "os/log.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;

constexpr auto look_anyway = 2s;
constexpr std::size_t longest_foreign_name = 63;

// `before`: what it was, if it was there.
DomainView foreign_view(DomainInfo const& info, std::string name, DomainView const* before, std::uint64_t revision) {
    DomainView view;
    view.managed = false;
    view.record.uid = to_string(info.handle);
    view.record.spec.name = std::move(name);
    view.record.phase = Phase::started;
    view.record.guest.id = info.id;
    view.guest = seen_guest(info);
    view.held = held_words(view.guest);
    if (before != nullptr && !before->managed) view.record.conditions = before->record.conditions;
    note_conditions(view.record, false, view.guest, wall_now());
    view.revision = revision;
    return view;
}
}  // namespace

Engine::Engine(Hypervisor hypervisor, RecordStore records, EngineSettings settings)
    : hypervisor_{std::move(hypervisor)},
      records_{std::move(records)},
      settings_{std::move(settings)},
      devices_{settings_.devices},
      maker_{hypervisor_, settings_.images},
      store_{settings_.store_limit},
      pool_{settings_.threads},
      store_pool_{settings_.store_threads},
      build_pool_{settings_.images.most_at_once},
      trial_pool_{settings_.images.most_trials},
      backend_pool_{settings_.backend_threads} {}

Result<> Engine::start() {
    std::vector<DomainInfo> const present = TRY(hypervisor_.sysctl.list_domains());
    RecordStore::Loaded loaded = TRY(records_.load());
    for (Record& record : loaded.records) {
        log::info("domain " + record.spec.name + " is known");
        EntryRef entry = add(std::move(record));
        std::scoped_lock lock{entry->mutex};
        resume(*entry);
        for (DomainInfo const& info : present)
            if (to_string(info.handle) == entry->record.uid) entry->guest = seen_guest(info);
        publish(*entry);
    }
    departed_ = {std::make_move_iterator(loaded.departed.begin()), std::make_move_iterator(loaded.departed.end())};
    // What was under way is done with the domain.
    for (Record const& record : departed_)
        for (Request const& request : record.requests) recall(record, request);
    TRY(sweep());
    std::vector<EntryRef> all;
    {
        std::scoped_lock lock{mutex_};
        for (auto const& [uid, entry] : entries_) all.push_back(entry);
    }
    for (EntryRef const& entry : all) wake(entry);
    auto sweep_soon = [this] {
        pool_.post([this] {
            Result<> done = sweep();
            if (!done) log::error(done.error().message());
        });
    };
    auto wake_all = [this] {
        std::scoped_lock lock{mutex_};
        for (auto const& [uid, entry] : entries_) pool_.post([this, each = entry] { wake(each); });
    };
    store_.start({.back = wake_all, .ends = sweep_soon});
    auto again = std::make_shared<std::function<void()>>();
    *again = [this, sweep_soon, weak = std::weak_ptr{again}] {
        sweep_soon();
        if (auto self = weak.lock()) pool_.post_after(look_anyway, [self] { (*self)(); });
    };
    pool_.post_after(look_anyway, [again] { (*again)(); });
    return {};
}

void Engine::stop() {
    stopping_ = true;
    std::map<std::string, EntryRef> entries;
    {
        std::scoped_lock lock{mutex_};
        entries = entries_;
    }
    for (auto const& [uid, entry] : entries) {
        std::scoped_lock lock{entry->mutex};
        entry->building.request_stop();
    }
    store_.stop();
    pool_.stop();
    store_pool_.stop();
    build_pool_.stop();
    trial_pool_.stop();
    backend_pool_.stop();
    pool_.stop();
    for (auto const& [uid, entry] : entries) {
        std::scoped_lock lock{entry->mutex};
        keep(*entry);
    }
}

void Engine::announce_end() {
    ending_.request_stop();
    views_.poke();
    events_.poke();
    operations_.hub().poke();
}

bool Engine::guest_lives(std::string const& uid, std::uint16_t id) {
    Result<DomainInfo> info = hypervisor_.domctl.domain_info(id);
    return info && to_string(info->handle) == uid && !info->dying && !info->shutdown;
}

Engine::EntryRef Engine::add(Record record) {
    std::string uid = record.uid;
    auto entry = std::make_shared<Entry>(std::move(record));
    std::scoped_lock lock{mutex_};
    entries_.insert_or_assign(uid, entry);
    return entry;
}

Engine::EntryRef Engine::find_entry(std::string const& uid) const {
    std::scoped_lock lock{mutex_};
    auto found = entries_.find(uid);
    return found == entries_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<DomainView const>> Engine::find(Selector const& target) const {
    if (target.uid.empty() && target.name.empty()) {
        return Error{"", "no domain named in the request", ErrorKind::invalid}.with("field", "name");
    }
    if (!target.uid.empty()) {
        std::shared_ptr<DomainView const> view = views_.find(target.uid);
        if (view) return view;
    } else {
        for (auto const& view : views_.state().objects)
            if (view->record.spec.name == target.name) return view;
    }
    return Error{"", "there is no such domain", ErrorKind::not_found}.with("reason", "NO_SUCH_DOMAIN");
}

Result<Host> Engine::host() {
    Host host;
    host.version = TRY(hypervisor_.version());
    host.machine = TRY(hypervisor_.sysctl.machine());
    host.domains = TRY(hypervisor_.sysctl.list_domains()).size();
    host.claimed = maker_.claimed();
    return host;
}

void Engine::name_foreign(DomainInfo const& info) {
    std::string name;
    Result<> read = store_.with_nodes([&](DomainNodes& nodes) -> Result<> {
        name = make_printable(TRY(nodes.name_of(info.id))).substr(0, longest_foreign_name);
        return {};
    });
    std::shared_ptr<DomainView const> before = views_.find(to_string(info.handle));
    if (!read || name.empty() || !before || before->managed || before->record.guest.id != info.id) return;
    views_.put(before->record.uid,
               [&](std::uint64_t revision) { return foreign_view(info, name, before.get(), revision); });
}

// Wakes the strand of each domain that is not as it was seen last, and keeps the views of domains of other tools.
Result<> Engine::sweep() {
    std::scoped_lock one_at_a_time{sweeping_};
    std::vector<DomainInfo> present = TRY(hypervisor_.sysctl.list_domains());
    std::map<std::string, EntryRef> entries;
    {
        std::scoped_lock lock{mutex_};
        entries = entries_;
    }
    std::set<std::string> foreign, changed, alive;
    for (DomainInfo const& info : present) {
        std::string uid = to_string(info.handle);
        auto entry = entries.find(uid);
        if (entry != entries.end()) {
            std::scoped_lock lock{entry->second->mutex};
            Record const& record = entry->second->record;
            bool expected = record.has_guest() && record.guest.id == info.id;
            if (expected) alive.insert(uid);
            std::optional<SeenGuest> const& seen = entry->second->guest;
            bool as_before = expected && seen && seen->shutdown == info.shutdown && seen->dying == info.dying &&
                             seen->paused == info.paused;
            if (!as_before) changed.insert(uid);
            if (!expected) entry->second->anything_there = true;
            continue;
        }
        foreign.insert(uid);
        std::string name = info.id == 0 ? "Domain-0" : "";
        std::shared_ptr<DomainView const> before = views_.find(uid);
        if (before && name.empty()) name = before->record.spec.name;
        bool same = before && !before->managed && before->guest->paused == info.paused &&
                    before->guest->shutdown == info.shutdown && before->guest->dying == info.dying &&
                    before->record.spec.name == name;
        if (!same) {
            views_.put(uid, [&](std::uint64_t revision) { return foreign_view(info, name, before.get(), revision); });
        }
        if (name.empty() && store_.answers()) store_pool_.post([this, info] { name_foreign(info); });
    }
    for (auto const& [uid, entry] : entries) {
        std::scoped_lock lock{entry->mutex};
        if (entry->record.has_guest() && !alive.contains(uid)) changed.insert(uid);
    }
    for (auto const& view : views_.state().objects) {
        bool gone = !view->managed && !foreign.contains(view->record.uid);
        if (gone && find_entry(view->record.uid) == nullptr) views_.remove(view->record.uid);
    }
    for (std::string const& uid : changed) wake(entries.at(uid));
    return {};
}
}  // namespace paravane

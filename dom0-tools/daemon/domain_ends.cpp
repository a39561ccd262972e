// SPDX-License-Identifier: MIT
// What DomainManager does when a domain ends by itself: as its on_poweroff, on_reboot or on_crash says.
#include <algorithm>

#include "daemon/domain_claims.hpp"
#include "daemon/domain_manager.hpp"
#include "os/log.hpp"

namespace paravane {
namespace {
struct End {
    EventKind kind;
    EndAction action;
    char const* word;
};

End end_of(ShutdownReason reason, DomainSpec const& spec) {
    switch (reason) {
        case ShutdownReason::poweroff: return {EventKind::shutdown, spec.on_poweroff, "powered off"};
        case ShutdownReason::reboot: return {EventKind::reboot, spec.on_reboot, "wants a reboot"};
        case ShutdownReason::suspend: return {EventKind::shutdown, EndAction::preserve, "suspended itself"};
        case ShutdownReason::crash:
        case ShutdownReason::watchdog:
        case ShutdownReason::soft_reset: break;
    }
    return {EventKind::crashed, spec.on_crash, "crashed"};
}
}  // namespace

Result<> DomainManager::handle_ends() {
    std::vector<DomainInfo> present = TRY(hypervisor_.sysctl.list_domains());
    std::vector<std::pair<std::uint16_t, ShutdownReason>> ended;
    std::vector<DomainRecord> vanished;
    {
        std::scoped_lock lock{mutex_};
        for (auto& [id, domain] : domains_) {
            if (domain.busy) continue;
            auto info = std::ranges::find(present, id, &DomainInfo::id);
            if (info == present.end()) {
                // The list may be older than the domain: look again before believing it.
                Result<DomainInfo> now = hypervisor_.domctl.domain_info(id);
                if (!now && now.error().kind == ErrorKind::not_found) vanished.push_back(domain.record);
            } else if (info->shutdown && !info->dying && !domain.ended) {
                ended.emplace_back(id, info->reason);
            }
        }
        for (DomainRecord const& record : vanished) domains_.erase(record.id);
        changed_.notify_all();
    }
    for (DomainRecord const& record : vanished) {  // somebody else destroyed it
        consoles_.forget(record.id);
        events_.publish(EventKind::destroyed, record.id, record.spec.name);
        DomainNodes nodes = TRY(DomainNodes::connect());
        TRY(nodes.remove(record.id, record.uuid));
    }
    for (auto [id, reason] : ended) {
        Result<> handled = handle_end(id, reason);
        if (!handled) log::error(handled.error().message());
    }
    return {};
}

Result<> DomainManager::handle_end(std::uint16_t id, ShutdownReason reason) {
    Claim held = TRY(claim(id));
    DomainSpec spec;
    std::chrono::steady_clock::time_point started;
    {
        std::scoped_lock lock{mutex_};
        auto domain = domains_.find(id);
        if (domain == domains_.end() || domain->second.ended) return {};  // it was destroyed while we waited
        domain->second.ended = true;
        spec = domain->second.record.spec;
        started = domain->second.started;
    }
    End end = end_of(reason, spec);
    log::info("domain " + std::to_string(id) + " (" + spec.name + ") " + end.word);
    events_.publish(end.kind, id, spec.name);
    bool hopeless = end.kind == EventKind::crashed && std::chrono::steady_clock::now() - started < shortest_life_;
    Result<> done;
    if (end.action == EndAction::preserve) {
        std::scoped_lock lock{mutex_};
        changed_.notify_all();
    } else if (end.action == EndAction::restart && !hopeless) {
        done = restart(id, spec);
    } else {
        done = destroy_and_forget(id);
    }
    if (!done) events_.publish(EventKind::failed, id, spec.name, done.error().message());
    return done;
}

// The same spec, files read anew, under a new number. The name stays taken in between.
Result<> DomainManager::restart(std::uint16_t id, DomainSpec const& spec) {
    std::string step = "restart " + spec.name;
    {
        std::scoped_lock lock{mutex_};
        reserved_.insert(spec.name);
    }
    NameReservation reservation{*this, spec.name};
    Result<> ended = destroy_and_forget(id);
    if (!ended) return std::move(ended).error().within(step);
    Result<std::uint16_t> again = construct(spec, false);
    if (!again) return std::move(again).error().within(step);
    return {};
}
}  // namespace paravane

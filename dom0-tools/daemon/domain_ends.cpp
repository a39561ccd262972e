// SPDX-License-Identifier: MIT
// What DomainManager does when a domain ends by itself: as its on_poweroff, on_reboot or on_crash says.
#include "daemon/domain_claims.hpp"
#include "daemon/domain_manager.hpp"
#include "daemon/log.hpp"

namespace paravane {
namespace {
struct End {
    v1::EventKind kind;
    v1::EndAction action;
    char const* word;
};

End end_of(ShutdownReason reason, v1::DomainSpec const& spec) {
    switch (reason) {
        case ShutdownReason::poweroff: return {v1::EVENT_KIND_SHUTDOWN, spec.on_poweroff(), "powered off"};
        case ShutdownReason::reboot: return {v1::EVENT_KIND_REBOOT, spec.on_reboot(), "wants a reboot"};
        case ShutdownReason::suspend: return {v1::EVENT_KIND_SHUTDOWN, v1::END_ACTION_PRESERVE, "suspended itself"};
        case ShutdownReason::crash:
        case ShutdownReason::watchdog:
        case ShutdownReason::soft_reset: break;
    }
    return {v1::EVENT_KIND_CRASHED, spec.on_crash(), "crashed"};
}
}  // namespace

Result<> DomainManager::handle_ends() {
    std::vector<DomainInfo> present = TRY(domctl_.list_domains());
    std::vector<std::pair<std::uint16_t, ShutdownReason>> ended;
    std::vector<DomainRecord> vanished;
    {
        std::scoped_lock lock{mutex_};
        for (auto& [id, domain] : domains_) {
            if (domain.busy) continue;
            auto info = std::ranges::find(present, id, &DomainInfo::id);
            if (info == present.end()) {
                // The list may be older than the domain: look again before believing it.
                Result<DomainInfo> now = domctl_.domain_info(id);
                if (!now && now.error().code == ESRCH) vanished.push_back(domain.record);
            } else if (info->shutdown && !info->dying && !domain.ended) {
                ended.emplace_back(id, info->reason);
            }
        }
        for (DomainRecord const& record : vanished) domains_.erase(record.id);
        changed_.notify_all();
    }
    for (DomainRecord const& record : vanished) {  // somebody else destroyed it
        consoles_.forget(record.id);
        events_.publish(v1::EVENT_KIND_DESTROYED, record.id, record.spec.name());
        DomainNodes nodes = TRY(DomainNodes::connect());
        TRY(nodes.remove(record.id, record.uuid));
    }
    for (auto [id, reason] : ended) {
        Result<> handled = handle_end(id, reason);
        if (!handled) log_line(handled.error().message());
    }
    return {};
}

Result<> DomainManager::handle_end(std::uint16_t id, ShutdownReason reason) {
    Claim held = TRY(claim(id));
    v1::DomainSpec spec;
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
    log_line("domain " + std::to_string(id) + " (" + spec.name() + ") " + end.word);
    events_.publish(end.kind, id, spec.name());
    bool hopeless = end.kind == v1::EVENT_KIND_CRASHED && std::chrono::steady_clock::now() - started < shortest_life_;
    Result<> done;
    if (end.action == v1::END_ACTION_PRESERVE) {
        std::scoped_lock lock{mutex_};
        changed_.notify_all();
    } else if (end.action == v1::END_ACTION_RESTART && !hopeless) {
        done = restart(id, spec);
    } else {
        done = destroy_and_forget(id);
    }
    if (!done) events_.publish(v1::EVENT_KIND_FAILED, id, spec.name(), done.error().message());
    return done;
}

// The same spec, files read anew, under a new number. The name stays taken in between.
Result<> DomainManager::restart(std::uint16_t id, v1::DomainSpec const& spec) {
    std::string step = "restart " + spec.name();
    {
        std::scoped_lock lock{mutex_};
        reserved_.insert(spec.name());
    }
    NameReservation reservation{*this, spec.name()};
    Result<> ended = destroy_and_forget(id);
    if (!ended) return std::move(ended).error().within(step);
    Result<std::uint16_t> again = construct(spec, false);
    if (!again) return std::move(again).error().within(step);
    return {};
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/domain_manager.hpp"

#include <algorithm>
#include <optional>
#include <thread>

#include "daemon/domain_claims.hpp"
#include "os/log.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto claim_limit = 120s;  // building under emulation takes tens of seconds
constexpr auto vanish_limit = 15s;  // from destroy to the release of the last page
constexpr int most_pauses = 255;    // Xen counts them up to this
constexpr int most_attempts = 8;

// A number stands for the domain with that number.
std::optional<std::uint16_t> as_number(std::string const& name) { return hv::parse_decimal<std::uint16_t>(name); }
}  // namespace

Result<> DomainManager::adopt() {
    DomainNodes nodes = TRY(DomainNodes::connect());
    std::vector<DomainInfo> present = TRY(hypervisor_.sysctl.list_domains());
    for (std::string const& uuid : TRY(nodes.under_construction())) {
        auto half_built =
            std::ranges::find(present, uuid, [](DomainInfo const& info) { return to_string(info.handle); });
        if (half_built != present.end()) {
            log::info("domain " + std::to_string(half_built->id) + " was left half built: destroying it");
            TRY(end_in_hypervisor(half_built->id));
            consoles_.forget(half_built->id);
            TRY(nodes.remove(half_built->id, uuid));
            present.erase(half_built);
        }
        TRY(nodes.end_building(uuid));
    }
    for (DomainRecord& record : TRY(nodes.records())) {
        auto info = std::ranges::find(present, record.id, &DomainInfo::id);
        if (info == present.end() || to_string(info->handle) != record.uuid) {
            if (info == present.end()) consoles_.forget(record.id);
            TRY(nodes.remove(record.id, record.uuid));
            continue;
        }
        if (!info->dying && !consoles_.is_running(record.id)) {
            std::uint32_t port = TRY(nodes.console_port(record.id));
            Result<> started = consoles_.start(record.id, port, record.spec.name);
            if (!started) log::error(record.spec.name + ": " + started.error().message());
        }
        log::info("adopted domain " + std::to_string(record.id) + " (" + record.spec.name + ")");
        std::scoped_lock lock{mutex_};
        domains_.emplace(record.id, Managed{.record = record, .started = Clock::now()});
    }
    return {};
}

Result<Domain> DomainManager::get(std::string const& name) {
    Target target = TRY(find(name));
    return describe(target.info, target.name);
}

Result<std::vector<Domain>> DomainManager::list() {
    std::vector<Domain> domains;
    Result<DomainNodes> nodes = DomainNodes::connect();  // names of foreign domains are a nicety: go on without
    for (DomainInfo const& info : TRY(hypervisor_.sysctl.list_domains())) {
        domains.push_back(describe(info, display_name(info.id, nodes ? &*nodes : nullptr)));
    }
    return domains;
}

Result<Domain> DomainManager::pause(std::string const& name) {
    Held held = TRY(hold(name));
    DomainInfo info = held.target.info;
    if (!info.paused) {
        TRY(hypervisor_.domctl.pause(info.id));
        events_.publish(EventKind::paused, info.id, held.target.name);
        info = TRY(hypervisor_.domctl.domain_info(info.id));
    }
    return describe(info, held.target.name);
}

Result<Domain> DomainManager::unpause(std::string const& name) {
    Held held = TRY(hold(name));
    DomainInfo info = held.target.info;
    bool was_paused = info.paused;
    for (int count = 0; info.paused && count < most_pauses; ++count) {
        TRY(hypervisor_.domctl.unpause(info.id));
        info = TRY(hypervisor_.domctl.domain_info(info.id));
    }
    if (was_paused) events_.publish(EventKind::unpaused, info.id, held.target.name);
    return describe(info, held.target.name);
}

Result<bool> DomainManager::ask_to_end(std::string const& name, std::string const& request,
                                       std::chrono::nanoseconds wait) {
    std::uint16_t id = 0;
    {
        Held held = TRY(hold(name));
        if (held.target.info.shutdown) return Error{"", "it has already ended", ErrorKind::precondition};
        if (held.target.info.paused) return Error{"", "it is paused", ErrorKind::precondition};
        id = held.target.info.id;
    }
    DomainNodes nodes = TRY(DomainNodes::connect());
    TRY(nodes.ask(id, request));
    if (wait <= 0ns) return false;
    std::unique_lock lock{mutex_};
    // Bounded well below what wait_for's arithmetic can overflow on.
    bool ended = changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(wait, 24h), [&] {
        auto domain = domains_.find(id);
        return domain == domains_.end() || domain->second.ended;
    });
    if (ended) return true;
    lock.unlock();
    Result<bool> answers = nodes.answers(id, request);
    std::string doubt =
        answers && !*answers ? " (it does not say by control/feature-" + request + " that it listens)" : "";
    return Error{"", "the guest was asked, but has not ended in time" + doubt, ErrorKind::timed_out};
}

Result<> DomainManager::destroy(std::string const& name) {
    Held held = TRY(hold(name));
    return destroy_and_forget(held.target.info.id);
}

Result<std::string> DomainManager::console_socket(std::string const& name) {
    Held held = TRY(hold(name));
    return consoles_.socket_path(held.target.info.id);
}

Result<Host> DomainManager::host() {
    Host host{.version = TRY(hypervisor_.version()), .machine = TRY(hypervisor_.sysctl.machine()), .domains = 0};
    host.domains = TRY(hypervisor_.sysctl.list_domains()).size();
    return host;
}

Result<std::string> DomainManager::hypervisor_log(bool clear) { return hypervisor_.sysctl.read_console(clear); }

Result<DomainManager::Target> DomainManager::find(std::string const& name) {
    Result<Target> target = find_present(name);
    if (target || target.error().kind != ErrorKind::not_found) return target;
    {
        std::unique_lock lock{mutex_};
        if (!reserved_.contains(name)) return target;
        if (!changed_.wait_for(lock, claim_limit, [&] { return !reserved_.contains(name); })) return target;
    }
    return find_present(name);
}

Result<DomainManager::Target> DomainManager::find_present(std::string const& name) {
    if (name.empty()) return Error{"", "no domain named in the request", ErrorKind::invalid};
    Result<DomainNodes> nodes = DomainNodes::connect();
    std::optional<std::uint16_t> number = as_number(name);
    for (DomainInfo const& info : TRY(hypervisor_.sysctl.list_domains())) {
        std::string known = display_name(info.id, nodes ? &*nodes : nullptr);
        if (number ? info.id == *number : known == name) return Target{info, known};
    }
    return Error{"", "there is no such domain", ErrorKind::not_found};
}

Result<DomainManager::Target> DomainManager::find_guest(std::string const& name) {
    Target target = TRY(find(name));
    if (target.info.id == 0) return Error{"", "domain 0 is this one", ErrorKind::precondition};
    return target;
}

Result<DomainManager::Claim> DomainManager::claim(std::uint16_t id) {
    std::unique_lock lock{mutex_};
    bool free = changed_.wait_for(lock, claim_limit, [&] {
        auto domain = domains_.find(id);
        return domain == domains_.end() || !domain->second.busy;
    });
    if (!free) return Error{"", "another operation on it does not end", ErrorKind::timed_out};
    auto domain = domains_.find(id);
    if (domain != domains_.end()) domain->second.busy = true;
    return Claim{*this, id};
}

// While we waited for our turn the domain may have ended, and another may have come under its name.
Result<DomainManager::Held> DomainManager::hold(std::string const& name) {
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        Target target = TRY(find_guest(name));
        Claim held = TRY(claim(target.info.id));
        Result<DomainInfo> info = hypervisor_.domctl.domain_info(target.info.id);
        if (info) return Held{{*info, target.name}, std::move(held)};
        if (info.error().kind != ErrorKind::not_found) return std::move(info).error();
    }
    return Error{"", "it keeps being built again", ErrorKind::precondition};
}

Result<DomainManager::NameReservation> DomainManager::reserve(std::string const& name) {
    Error taken{"", "the name is taken", ErrorKind::exists};
    {
        std::scoped_lock lock{mutex_};
        if (!reserved_.insert(name).second) return taken;
    }
    NameReservation reservation{*this, name};
    Result<Target> other = find_present(name);
    if (other) {
        taken.reason += " by domain " + std::to_string(other->info.id);
        return taken;
    }
    if (other.error().kind != ErrorKind::not_found) return std::move(other).error();
    return reservation;
}

std::string DomainManager::display_name(std::uint16_t id, DomainNodes* nodes) {
    {
        std::scoped_lock lock{mutex_};
        auto domain = domains_.find(id);
        if (domain != domains_.end()) return domain->second.record.spec.name;
    }
    if (nodes != nullptr) {
        Result<std::string> name = nodes->name_of(id);
        if (name && !name->empty()) return *name;
    }
    return id == 0 ? "Domain-0" : "";
}

Domain DomainManager::describe(DomainInfo const& info, std::string const& name) {
    Domain domain{.id = info.id, .name = name, .info = info, .spec = std::nullopt, .console_log = ""};
    std::scoped_lock lock{mutex_};
    auto managed = domains_.find(info.id);
    if (managed != domains_.end()) {
        domain.spec = managed->second.record.spec;
        domain.console_log = consoles_.log_path(name);
    }
    return domain;
}

Result<> DomainManager::end_in_hypervisor(std::uint16_t id) {
    Result<> ended = hypervisor_.domctl.destroy(id);
    if (!ended && ended.error().kind != ErrorKind::not_found) return ended;
    // Backends let go of its pages when xenstored tells them; the hypervisor forgets it after the last one.
    auto limit = Clock::now() + vanish_limit;
    for (auto pause = 1ms;; pause = std::min(pause * 2, 50ms)) {
        Result<DomainInfo> info = hypervisor_.domctl.domain_info(id);
        if (!info && info.error().kind == ErrorKind::not_found) return {};
        if (!info) return std::move(info).error();
        if (Clock::now() > limit) {
            return Error{"destroy domain " + std::to_string(id),
                         "it is dead, but somebody still holds " + std::to_string(info->pages) + " of its pages",
                         ErrorKind::timed_out};
        }
        std::this_thread::sleep_for(pause);
    }
}

Result<> DomainManager::destroy_and_forget(std::uint16_t id) {
    std::string uuid, name;
    {
        std::scoped_lock lock{mutex_};
        auto domain = domains_.find(id);
        if (domain != domains_.end()) {
            uuid = domain->second.record.uuid;
            name = domain->second.record.spec.name;
        }
    }
    TRY(end_in_hypervisor(id));
    consoles_.forget(id);
    {
        std::scoped_lock lock{mutex_};
        domains_.erase(id);
        changed_.notify_all();
    }
    events_.publish(EventKind::destroyed, id, name);
    DomainNodes nodes = TRY(DomainNodes::connect());
    return nodes.remove(id, uuid);
}
}  // namespace paravane

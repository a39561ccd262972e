// SPDX-License-Identifier: MIT
// Requests about domains, and the end of domains.
#include "path.hpp"
#include "server.hpp"

namespace paravane::xenstored {
namespace {
constexpr std::uint32_t domid_self = 0x7ff0;

std::optional<Domid> domid_in(std::optional<std::string_view> text) {
    std::optional<std::uint32_t> number = text ? number_in(*text) : std::nullopt;
    if (!number || *number >= first_reserved_domid) return std::nullopt;
    return static_cast<Domid>(*number);
}

std::string domain_path(Domid domid) { return "/local/domain/" + std::to_string(domid); }
}  // namespace

// Whether the domain exists; from then on its number means this domain.
bool Server::know(Domid domid) {
    if (domains_.contains(domid)) return true;
    if (domid >= first_reserved_domid) return false;
    ++bill_.questions;
    if (state_of(domid) == DomainState::absent) return false;
    domains_[domid].born = generation_;
    return true;
}

Outcome<> Server::introduce(Domid domid, std::uint32_t port) {
    Writer& record = begin_record(Command::introduce);
    record.number(domid);
    record.number(port);
    commit_record();
    return connect_domain(domid, port);
}

Outcome<> Server::connect_domain(Domid domid, std::uint32_t port) {
    bool was_known = domains_.contains(domid);
    Domain& domain = domains_[domid];
    if (domain.session != nullptr) {
        reset_session(*domain.session);
        domain.session->dead = false;
        return connect(*domain.session, port, &Platform::reconnect);
    }
    if (!was_known) domain.born = generation_;
    Caller caller{.self = {domid, domain.born}, .privileged = domid == dom0, .target = {}};
    Session& session = add_session(ClientKind::ring, caller, domain_path(domid));
    Outcome<> connected = connect(session, port, &Platform::connect);
    if (!connected) {
        sessions_.erase(session.id);
        if (!was_known) domains_.erase(domid);
        return connected.error();
    }
    domain.session = &session;
    note_output(session);  // its transport looks at the ring once, event or not
    domain.shutdown_announced = false;
    if (domid != dom0) fire_special("@introduceDomain");
    return {};
}

Outcome<Server::Reply> Server::do_introduce(Request& request) {
    std::vector<std::string_view> arguments = strings_of(request.payload);
    if (arguments.size() < 3) return Errno::inval;
    std::optional<Domid> domid = domid_in(arguments[0]);
    std::optional<std::uint32_t> port = number_in(arguments[2]);  // the frame number in between is not needed
    if (!domid || *domid == dom0 || !port || *port == 0) return Errno::inval;
    TRY(connect_domain(*domid, *port));
    return ok();
}

Outcome<Domain*> Server::introduced_domain(std::optional<std::string_view> text) {
    std::optional<Domid> domid = domid_in(text);
    if (!domid) return Errno::inval;
    auto known = domains_.find(*domid);
    if (known == domains_.end() || known->second.session == nullptr) return Errno::noent;
    return &known->second;
}

Outcome<Server::Reply> Server::do_release(Request& request) {
    std::optional<std::string_view> text = only_string(request.payload);
    if (domid_in(text) == dom0) return Errno::inval;
    Domain* domain = TRY(introduced_domain(text));
    forget_domain(domain->session->caller.self.domid);
    fire_special("@releaseDomain");
    return ok();
}

Outcome<Server::Reply> Server::do_resume(Request& request) {
    std::optional<std::string_view> text = only_string(request.payload);
    if (domid_in(text) == dom0) return Errno::inval;
    Domain* domain = TRY(introduced_domain(text));
    domain->shutdown_announced = false;
    return ok();
}

Outcome<Server::Reply> Server::do_set_target(Request& request) {
    std::vector<std::string_view> arguments = strings_of(request.payload);
    if (arguments.size() < 2) return Errno::inval;
    Domain* domain = TRY(introduced_domain(arguments[0]));
    Domain* target = TRY(introduced_domain(arguments[1]));
    domain->session->caller.target = target->session->caller.self;
    return ok();
}

Outcome<Server::Reply> Server::do_get_domain_path(Request& request) {
    std::optional<std::string_view> text = only_string(request.payload);
    if (!text) return Errno::inval;
    std::optional<std::uint32_t> number = number_in(*text);
    if (!number) return Errno::inval;
    std::string path = "/local/domain/" + std::to_string(*number);
    return Reply{std::string{path.c_str(), path.size() + 1}};
}

Outcome<Server::Reply> Server::do_is_domain_introduced(Request& request) {
    std::optional<std::string_view> text = only_string(request.payload);
    if (!text) return Errno::inval;
    std::optional<Domid> domid = domid_in(text);
    bool introduced = number_in(*text) == domid_self;
    if (domid) {
        Domain const* domain = find_domain(*domid);
        introduced = domain != nullptr && domain->session != nullptr;
    }
    return Reply{std::string{introduced ? "T" : "F", 2}};
}

// Nodes of a domain that is gone go with it: the next domain of that number must not own them.
void Server::remove_nodes_of(Domid domid) {
    Transaction removal{root_, generation_, Tracking::off};
    for (std::string const& path : tops_of(root_, domid)) {
        if (path == "/") {
            // The root cannot go; it returns to dom0.
            Permissions permissions = *root_->permissions;
            permissions.entries.front().domid = dom0;
            removal.set_permissions(path, std::make_shared<Permissions const>(std::move(permissions)), ++generation_);
        } else {
            removal.remove(path, ++generation_);
        }
    }
    commit(removal, removal.merged_into(root_, generation_));
}

void Server::forget_domain(Domid domid) {
    auto known = domains_.find(domid);
    if (Session* session = known->second.session; session != nullptr) {
        known->second.session = nullptr;
        platform_.disconnect(*session);
        end_session(*session);
    }
    for (auto& [id, session] : sessions_) {
        if (session->caller.target && session->caller.target->domid == domid) session->caller.target.reset();
    }
    if (known->second.usage.nodes > 0) remove_nodes_of(domid);
    domains_.erase(known);

    // The entries for it in the lists of the special watches would mean its successor.
    for (PermissionsRef* special : {&introduce_permissions_, &release_permissions_}) {
        Permissions kept = **special;
        std::erase_if(kept.entries, [&](Permission const& entry) { return entry.domid == domid; });
        if (kept.entries.empty() || kept.owner() != (*special)->owner()) {
            kept.entries.insert(kept.entries.begin(), {dom0, (*special)->entries.front().rights});
        }
        *special = std::make_shared<Permissions const>(std::move(kept));
    }
}

void Server::check_domains() {
    begin_record(Command::check);
    commit_record();
    find_changed_domains();
    bury_condemned();
}

void Server::find_changed_domains() {
    std::optional<std::map<Domid, DomainState>> const states = domain_states();
    if (!states) return;  // without an answer nobody's nodes are thrown away
    std::vector<Domid> gone;
    bool announce = false;
    for (auto& [domid, domain] : domains_) {
        if (domid == dom0) continue;
        auto const there = states->find(domid);
        DomainState const state = there == states->end() ? DomainState::absent : there->second;
        if (state == DomainState::absent || (state == DomainState::dying && domain.session != nullptr)) {
            gone.push_back(domid);
            announce |= domain.session != nullptr;
        } else if (state == DomainState::shut_down && domain.session != nullptr && !domain.shutdown_announced) {
            domain.shutdown_announced = true;
            announce = true;
        }
    }
    for (Domid domid : gone) forget_domain(domid);
    if (announce) fire_special("@releaseDomain");
}
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// All that the server knows, as one text: the snapshot that a journal begins with.
#include "server.hpp"

namespace paravane::xenstored {
namespace {
void save(Writer& to, Principal const& principal) {
    to.number(principal.domid);
    to.number(principal.born);
}

Principal load_principal(Reader& from) {
    Principal principal;
    principal.domid = from.number<Domid>();
    principal.born = from.number();
    return principal;
}
}  // namespace

void Server::save(Writer& to, Session const& session) {
    to.number(session.id);
    to.number(session.kind == ClientKind::ring ? 1 : 0);
    xenstored::save(to, session.caller.self);
    to.number(session.caller.privileged ? 1 : 0);
    to.number(session.caller.target ? 1 : 0);
    xenstored::save(to, session.caller.target.value_or(Principal{}));
    to.text(session.base_path);
    to.number(session.key);
    to.number(session.port);
    to.number(session.place.requests);
    to.number(session.place.replies);
    to.text(session.input.rest());
    session.output.save(to);
    to.number(session.next_transaction);
    to.number(session.transactions.size());
    for (auto const& [id, transaction] : session.transactions) {
        to.number(id);
        transaction.save(to);
    }
    to.real(session.credit.left());
    to.number(static_cast<std::uint64_t>(session.credit.refilled().time_since_epoch().count()));
    to.number(session.dead ? 1 : 0);
}

void Server::load_session(Reader& from) {
    next_session_ = from.number();
    ClientKind const kind = from.flag() ? ClientKind::ring : ClientKind::socket;
    Caller caller{.self = load_principal(from), .privileged = false, .target = {}};
    caller.privileged = from.flag();
    bool const has_target = from.flag();
    Principal const target = load_principal(from);
    if (has_target) caller.target = target;
    Session& session = add_session(kind, caller, std::string{from.text()});
    session.key = from.number();
    session.port = from.number<std::uint32_t>();
    session.place.requests = from.number<std::uint32_t>();
    session.place.replies = from.number<std::uint32_t>();
    session.input.feed(std::as_bytes(std::span{from.text()}));
    session.output.load(from);
    session.next_transaction = from.number<std::uint32_t>();
    for (std::uint64_t left = from.number(); left > 0; --left) {
        auto id = from.number<std::uint32_t>();
        Transaction& transaction = session.transactions.try_emplace(id, from).first->second;
        if (session.is_unprivileged() && !transaction.is_doomed()) snapshots_.put_back(transaction);
    }
    double const credit = from.real();
    session.credit = Credit{credit, Time{Time::duration{static_cast<Time::rep>(from.number())}}};
    session.dead = from.flag();
}

std::string Server::saved() const {
    Writer to;
    for (LimitName const& limit : limit_names()) to.number(limits_.*limit.limit);
    to.shared(root_);
    to.number(generation_);
    to.shared(introduce_permissions_);
    to.shared(release_permissions_);
    snapshots_.save(to);
    to.number(sessions_.size());
    for (auto const& [id, session] : sessions_) save(to, *session);
    to.number(next_session_);
    to.number(last_key_);
    to.number(domains_.size());
    for (auto const& [domid, domain] : domains_) {
        to.number(domid);
        to.number(domain.born);
        to.number(static_cast<std::uint64_t>(domain.usage.nodes));
        to.number(static_cast<std::uint64_t>(domain.usage.memory));
        to.number(domain.session == nullptr ? 0 : domain.session->id);
        to.number(domain.shutdown_announced ? 1 : 0);
    }
    watches_.for_each([&](SessionId session, Watch const& watch) {
        to.number(session);
        to.text(watch.path);
        to.text(watch.token);
        to.number(watch.prefix);
    });
    return std::string{to.bytes()};
}

void Server::load(std::string_view snapshot) {
    Reader from{snapshot};
    for (LimitName const& limit : limit_names()) limits_.*limit.limit = from.number<std::uint32_t>();
    root_ = from.shared_node();
    generation_ = from.number();
    introduce_permissions_ = from.shared_permissions();
    release_permissions_ = from.shared_permissions();
    snapshots_.load(from);
    for (std::uint64_t left = from.number(); left > 0; --left) load_session(from);
    next_session_ = from.number();
    last_key_ = from.number();
    domains_.clear();
    for (std::uint64_t left = from.number(); left > 0; --left) {
        Domain& domain = domains_[from.number<Domid>()];
        domain.born = from.number();
        domain.usage.nodes = static_cast<std::int64_t>(from.number());
        domain.usage.memory = static_cast<std::int64_t>(from.number());
        domain.session = find_session(from.number());
        domain.shutdown_announced = from.flag();
    }
    while (!from.at_end()) {
        SessionId const session = from.number();
        Watch watch;
        watch.path = from.text();
        watch.token = from.text();
        watch.prefix = from.number<std::size_t>();
        watches_.add(session, std::move(watch));
    }
}
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// Requests about what a client holds: watches and transactions.
#include "path.hpp"
#include "server.hpp"

namespace paravane::xenstored {
Outcome<Server::Reply> Server::do_watch(Request& request) {
    Session& session = request.session;
    std::vector<std::string_view> arguments = strings_of(request.payload);
    if (arguments.size() != 2) return Errno::inval;
    std::string_view name = arguments[0];
    Watch watch{.path = absolute_path(session.base_path, name), .token = std::string{arguments[1]}, .prefix = 0};
    if (is_special(name)) {
        if (name.size() > abi::io::xs::rel_path_max) return Errno::inval;
    } else {
        if (!is_valid_path(watch.path, limits_.path_length)) return Errno::inval;
        if (!name.starts_with('/')) watch.prefix = session.base_path.size() + 1;
    }
    std::string path = watch.path;
    std::string_view for_client = watch.path_for_client(path);
    std::pair<std::string, std::string> first{for_client, watch.token};

    // The duplicate first: re-registering at the limit is EEXIST, not a quota error.
    if (!watches_.add(session.id, std::move(watch))) return Errno::exist;
    if (session.is_unprivileged()) {
        bool too_many = watches_.count(session.id) > limits_.watches;
        if (too_many || memory_of(session) >= limits_.memory) {
            watches_.remove(session.id, path, first.second);
            return too_many ? Errno::toobig : Errno::nomem;
        }
    }
    return Reply{ok().payload, std::move(first)};
}

Outcome<Server::Reply> Server::do_unwatch(Request& request) {
    std::vector<std::string_view> arguments = strings_of(request.payload);
    if (arguments.size() != 2) return Errno::inval;
    std::string path = absolute_path(request.session.base_path, arguments[0]);
    if (!watches_.remove(request.session.id, path, arguments[1])) return Errno::noent;
    return ok();
}

Outcome<Server::Reply> Server::do_reset_watches(Request& request) {
    watches_.remove_all(request.session.id);
    request.session.transactions.clear();
    return ok();
}

Outcome<Server::Reply> Server::do_transaction_start(Request& request) {
    Session& session = request.session;
    if (request.transaction_id != 0) return Errno::busy;
    if (session.is_unprivileged() && session.transactions.size() >= limits_.transactions) return Errno::nospc;
    while (session.next_transaction == 0 || session.transactions.contains(session.next_transaction)) {
        ++session.next_transaction;
    }
    std::uint32_t id = session.next_transaction++;
    Transaction& transaction = session.transactions.try_emplace(id, root_, generation_, Tracking::on).first->second;
    if (session.is_unprivileged()) snapshots_.add(transaction);
    std::string text = std::to_string(id);
    return Reply{std::string{text.c_str(), text.size() + 1}};
}

Outcome<Server::Reply> Server::do_transaction_end(Request& request) {
    Session& session = request.session;
    std::optional<std::string_view> how = only_string(request.payload);
    if (!how || (*how != "T" && *how != "F")) return Errno::inval;
    if (request.transaction_id == 0) return Errno::noent;

    auto ended = session.transactions.extract(request.transaction_id);
    Transaction const& transaction = ended.mapped();
    if (*how == "F") return ok();
    if (transaction.has_failed()) return Errno::nomem;
    if (transaction.is_doomed() || transaction.conflicts_with(root_)) return Errno::again;
    if (session.is_unprivileged()) {
        // The domain's other transactions may have taken the room since.
        Domid domid = session.caller.self.domid;
        std::int64_t more = transaction.usage_of(domid).nodes;
        if (more > 0 && find_domain(domid)->usage.nodes + more > limits_.nodes) return Errno::nospc;
    }
    for (auto const& [domid, usage] : transaction.usage()) {
        // An owner that went away meanwhile: the client finds out when it tries again.
        if (!know(domid)) return Errno::again;
    }
    if (transaction.has_changes()) {
        bill_.nodes += transaction.modified();
        NodeRef root = transaction.merged_into(root_, ++generation_);
        commit(transaction, std::move(root));
    }
    return ok();
}
}  // namespace paravane::xenstored

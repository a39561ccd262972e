// SPDX-License-Identifier: MIT
// Requests about nodes. The order of the checks, and so which error a client gets, is Xen's.
#include <cstring>

#include "path.hpp"
#include "portable/base/number.hpp"
#include "server.hpp"

namespace paravane::xenstored {
Outcome<std::string> Server::path_of(Session const& session, std::optional<std::string_view> name) const {
    if (!name) return Errno::inval;
    std::string path = absolute_path(session.base_path, *name);
    if (!is_valid_path(path, limits_.path_length)) return Errno::inval;
    return path;
}

// The node, if it is there and the caller has these rights on it. One who may not know whether it is there gets EACCES
// in either case: the nearest ancestor that exists decides.
Outcome<NodeRef> Server::get_node(Request& request, std::string_view path, Rights wanted) {
    Caller const& caller = request.session.caller;
    NodeRef const* node = request.transaction.find(path);
    if (node != nullptr && includes(rights_of(caller, *(*node)->permissions), wanted)) return *node;

    Errno error = node == nullptr ? Errno::noent : Errno::acces;
    NodeRef const* ancestor = nullptr;
    for (std::string_view above = parent_of(path);; above = parent_of(above)) {
        ancestor = request.transaction.find(above);
        if (ancestor != nullptr) break;
    }
    bool may_know = (rights_of(caller, *(*ancestor)->permissions) & wanted) != Rights::none;
    return may_know ? error : Errno::acces;
}

Outcome<> Server::check_size(Session const& session, Node const& node) const {
    if (session.is_unprivileged() && node.entry_size() >= limits_.node_size) return Errno::nospc;
    return {};
}

Outcome<> Server::check_memory(Request const& request, std::int64_t more) const {
    if (request.session.caller.privileged || more <= 0) return {};
    std::size_t memory = memory_of(request.session) + static_cast<std::size_t>(more);
    if (memory >= limits_.memory) return Errno::nomem;
    return {};
}

Outcome<Server::Reply> Server::do_directory(Request& request) {
    std::string path = TRY(path_of(request.session, only_string(request.payload)));
    NodeRef node = TRY(get_node(request, path, Rights::read));
    if (node->children.listing_size() > max_payload) return Errno::toobig;
    std::string listing;
    listing.reserve(node->children.listing_size());
    node->children.for_each([&](std::string_view name, NodeRef const&) {
        listing.append(name).push_back('\0');
        return true;
    });
    return Reply{std::move(listing)};
}

Outcome<Server::Reply> Server::do_directory_part(Request& request) {
    std::vector<std::string_view> arguments = strings_of(request.payload);
    if (arguments.size() != 2) return Errno::inval;
    std::string path = TRY(path_of(request.session, arguments[0]));
    NodeRef node = TRY(get_node(request, path, Rights::read));
    std::uint32_t const offset = hv::take_decimal<std::uint32_t>(arguments[1]).value_or(0);

    // The generation tells a client that reads several parts whether the list changed in between. An empty name ends
    // the list.
    std::string part = std::to_string(node->generation);
    part += '\0';
    bool complete = true;
    node->children.for_each_from(offset, [&](std::string_view name, NodeRef const&) {
        if (part.size() + name.size() + 2 > max_payload) return complete = false;
        part.append(name).push_back('\0');
        return true;
    });
    if (complete) part += '\0';
    return Reply{std::move(part)};
}

Outcome<Server::Reply> Server::do_read(Request& request) {
    std::string path = TRY(path_of(request.session, only_string(request.payload)));
    NodeRef node = TRY(get_node(request, path, Rights::read));
    return Reply{std::string{node->value.view()}};
}

Outcome<> Server::create_node(Request& request, std::string_view path, std::string_view value) {
    Session const& session = request.session;
    std::int64_t missing = 1;
    std::string_view top = path;  // the highest node to be made
    NodeRef const* ancestor = nullptr;
    while ((ancestor = request.transaction.find(parent_of(top))) == nullptr) {
        top = parent_of(top);
        ++missing;
    }

    // A new node begins with its parent's permissions; what an unprivileged domain makes, it owns.
    PermissionsRef permissions = (*ancestor)->permissions;
    Domid owner = session.caller.self.domid;
    if (session.is_unprivileged() && permissions->owner() != owner) {
        Permissions own = *permissions;
        own.entries.front().domid = owner;
        permissions = std::make_shared<Permissions const>(std::move(own));
    }

    if (session.is_unprivileged()) {
        if (depth_of(path) > limits_.depth) return Errno::nospc;
        std::int64_t owned = find_domain(owner)->usage.nodes + request.transaction.usage_of(owner).nodes;
        if (owned + missing > limits_.nodes) return Errno::nospc;
        Node leaf{.value = std::string{value}, .permissions = permissions, .generation = 0, .children = {}};
        TRY(check_size(session, leaf));
        if ((*ancestor)->entry_size() + basename_of(top).size() + 1 >= limits_.node_size) return Errno::nospc;
        auto each = static_cast<std::int64_t>(memory_cost(leaf, path) - value.size());
        TRY(check_memory(request, missing * each + static_cast<std::int64_t>(value.size() + path.size())));
    }
    request.transaction.create(path, parent_of(top), value, std::move(permissions), ++generation_);
    return {};
}

Outcome<Server::Reply> Server::do_write(Request& request) {
    std::size_t nul = request.payload.find('\0');
    if (nul == std::string_view::npos) return Errno::inval;
    std::string path = TRY(path_of(request.session, request.payload.substr(0, nul)));
    std::string_view value = request.payload.substr(nul + 1);

    Outcome<NodeRef> existing = get_node(request, path, Rights::write);
    if (!existing) {
        if (existing.error() != Errno::noent) return existing.error();
        TRY(create_node(request, path, value));
        return ok();
    }
    Node const& node = **existing;
    if (request.session.is_unprivileged()) {
        if (node.entry_size() - node.value.size() + value.size() >= limits_.node_size) return Errno::nospc;
        TRY(check_memory(request,
                         static_cast<std::int64_t>(value.size()) - static_cast<std::int64_t>(node.value.size())));
    }
    request.transaction.write(path, value, ++generation_);
    return ok();
}

Outcome<Server::Reply> Server::do_mkdir(Request& request) {
    std::string path = TRY(path_of(request.session, only_string(request.payload)));
    Outcome<NodeRef> existing = get_node(request, path, Rights::write);
    if (existing) return ok();
    if (existing.error() != Errno::noent) return existing.error();
    TRY(create_node(request, path, {}));
    return ok();
}

Outcome<Server::Reply> Server::do_rm(Request& request) {
    std::string path = TRY(path_of(request.session, only_string(request.payload)));
    Outcome<NodeRef> node = get_node(request, path, Rights::write);
    if (!node) {
        // Gone already is as good as removed, if only the parent is there.
        bool is_gone = node.error() == Errno::noent && request.transaction.find(parent_of(path)) != nullptr;
        if (is_gone) return ok();
        return node.error();
    }
    if (path == "/") return Errno::inval;
    request.transaction.remove(path, ++generation_);
    return ok();
}

Outcome<Server::Reply> Server::do_get_perms(Request& request) {
    std::string path = TRY(path_of(request.session, only_string(request.payload)));
    NodeRef node = TRY(get_node(request, path, Rights::read));
    return Reply{format_permissions(*node->permissions)};
}

Outcome<Server::Reply> Server::do_set_perms(Request& request) {
    Session const& session = request.session;
    std::vector<std::string_view> arguments = strings_of(request.payload);
    if (arguments.size() < 2) return Errno::inval;
    std::span<std::string_view const> texts = std::span{arguments}.subspan(1);
    if (session.is_unprivileged() && texts.size() > limits_.permissions) return Errno::nospc;
    std::optional<std::vector<Permission>> entries = parse_permissions(texts);
    if (!entries) return Errno::inval;
    for (Permission const& entry : *entries) know(entry.domid);
    if (!know(entries->front().domid)) return Errno::noent;
    Domid owner = entries->front().domid;
    auto permissions =
        std::make_shared<Permissions const>(Permissions{.entries = std::move(*entries), .set_at = ++generation_});

    if (is_special(arguments[0])) return set_special_permissions(session, arguments[0], std::move(permissions));

    std::string path = TRY(path_of(session, arguments[0]));
    NodeRef node = TRY(get_node(request, path, Rights::change));
    if (session.is_unprivileged() && owner != node->permissions->owner()) return Errno::perm;
    if (session.is_unprivileged()) {
        std::size_t more = 8 * permissions->entries.size();
        if (node->entry_size() - 8 * node->permissions->entries.size() + more >= limits_.node_size) return Errno::nospc;
        TRY(check_memory(request, static_cast<std::int64_t>(more)));
    }
    request.transaction.set_permissions(path, std::move(permissions), generation_);
    return ok();
}

Outcome<Server::Reply> Server::set_special_permissions(Session const& session, std::string_view name,
                                                       PermissionsRef permissions) {
    PermissionsRef* special = special_permissions(name);
    if (special == nullptr) return Errno::inval;
    if (!includes(rights_of(session.caller, **special), Rights::change)) return Errno::acces;
    *special = std::move(permissions);
    return ok();
}
}  // namespace paravane::xenstored

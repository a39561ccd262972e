// SPDX-License-Identifier: MIT
#include "transaction.hpp"

#include <utility>

#include "archive.hpp"
#include "path.hpp"

namespace paravane::xenstored {
namespace {
constexpr std::size_t bookkeeping = 96;    // of a path in one of the sets
constexpr std::size_t copied_level = 512;  // about: a node, and its place among its siblings

Generation generation_at(NodeRef const& root, std::string_view path) {
    NodeRef const* node = find(root, path);
    return node == nullptr ? 0 : (*node)->generation;
}

PermissionsRef permissions_of(NodeRef const* node) { return node == nullptr ? nullptr : (*node)->permissions; }
}  // namespace

Transaction::Transaction(Reader& from) {
    base_ = from.shared_node();
    root_ = from.shared_node();
    started_ = from.number();
    tracking_ = Tracking::on;
    failed_ = from.flag();
    memory_ = from.number<std::size_t>();
    work_ = from.number<std::size_t>();
    replaced_ = from.number<std::size_t>();
    snapshot_.order = from.number();
    snapshot_.replaced_before = from.number<std::size_t>();
    for (std::uint64_t left = from.number(); left > 0; --left) touched_.emplace(from.text());
    for (std::uint64_t left = from.number(); left > 0; --left) modified_.emplace(from.text());
    for (std::uint64_t left = from.number(); left > 0; --left) {
        Change change{.path = std::string{from.text()}, .scope = Scope::exact, .before = {}, .parent_before = {}};
        if (from.flag()) change.scope = Scope::node_and_above;
        change.before = from.shared_permissions();
        change.parent_before = from.shared_permissions();
        change_at_.emplace(change.path, changes_.size());
        changes_.push_back(std::move(change));
    }
    for (std::uint64_t left = from.number(); left > 0; --left) {
        Usage& usage = usage_[from.number<Domid>()];
        usage.nodes = static_cast<std::int64_t>(from.number());
        usage.memory = static_cast<std::int64_t>(from.number());
    }
}

void Transaction::save(Writer& to) const {
    to.shared(base_);
    to.shared(root_);
    to.number(started_);
    to.number(failed_ ? 1 : 0);
    for (std::size_t count : {memory_, work_, replaced_}) to.number(count);
    to.number(snapshot_.order);
    to.number(snapshot_.replaced_before);
    to.number(touched_.size());
    for (std::string const& path : touched_) to.text(path);
    to.number(modified_.size());
    for (std::string const& path : modified_) to.text(path);
    to.number(changes_.size());
    for (Change const& change : changes_) {
        to.text(change.path);
        to.number(change.scope == Scope::node_and_above ? 1 : 0);
        to.shared(change.before);
        to.shared(change.parent_before);
    }
    to.number(usage_.size());
    for (auto const& [domid, usage] : usage_) {
        to.number(domid);
        to.number(static_cast<std::uint64_t>(usage.nodes));
        to.number(static_cast<std::uint64_t>(usage.memory));
    }
}

void Transaction::touch(std::string_view path) {
    if (tracking_ == Tracking::off) return;
    if (touched_.emplace(path).second) memory_ += path.size() + bookkeeping;
}

void Transaction::mark_modified(std::string_view path) {
    if (tracking_ == Tracking::off || modified_.contains(path)) return;
    modified_.emplace(path);
    memory_ += path.size() + bookkeeping;
}

NodeRef const* Transaction::find(std::string_view path) {
    touch(path);
    return xenstored::find(root_, path);
}

void Transaction::note(std::string_view path, Scope scope, NodeRef const* before, NodeRef const* parent_before) {
    if (tracking_ == Tracking::on) {
        auto [known, is_new] = change_at_.try_emplace(std::string{path}, changes_.size());
        if (!is_new) {
            if (scope == Scope::node_and_above) changes_[known->second].scope = scope;
            return;
        }
        memory_ += 2 * path.size() + bookkeeping;
    }
    changes_.push_back({std::string{path}, scope, permissions_of(before), permissions_of(parent_before)});
}

void Transaction::account(Node const& node, std::string_view path, int sign) {
    auto cost = static_cast<std::int64_t>(memory_cost(node, path));
    usage_[node.permissions->owner()] += Usage{.nodes = sign, .memory = sign * cost};
    if (sign > 0 && tracking_ == Tracking::on) memory_ += static_cast<std::size_t>(cost);
    if (sign < 0) replaced_ += static_cast<std::size_t>(cost);
}

// A node is reached by copies of all that are above it.
void Transaction::count_work(std::string_view path) {
    ++work_;
    replaced_ += (depth_of(path) + 1) * copied_level;
}

void Transaction::replace(std::string_view path, NodeRef const& old, NodeRef changed, Generation generation) {
    count_work(path);
    account(*old, path, -1);
    account(*changed, path, +1);
    touch(path);
    mark_modified(path);
    note(path, Scope::node_and_above, &old, nullptr);
    root_ = with_node(root_, path, std::move(changed), generation);
}

void Transaction::write(std::string_view path, std::string_view value, Generation generation) {
    NodeRef old = *xenstored::find(root_, path);
    auto changed = std::make_shared<Node>(*old);
    changed->value = Text{value};
    changed->generation = generation;
    replace(path, old, std::move(changed), generation);
}

void Transaction::set_permissions(std::string_view path, PermissionsRef permissions, Generation generation) {
    NodeRef old = *xenstored::find(root_, path);
    auto changed = std::make_shared<Node>(*old);
    changed->permissions = std::move(permissions);
    changed->generation = generation;
    replace(path, old, std::move(changed), generation);
}

void Transaction::create(std::string_view path, std::string_view ancestor, std::string_view value,
                         PermissionsRef permissions, Generation generation) {
    auto node = std::make_shared<Node>(
        Node{.value = std::string{value}, .permissions = permissions, .generation = generation, .children = {}});
    note(path, Scope::node_and_above, nullptr, nullptr);
    // From the leaf up, so that a deep path is built once and not once for every level.
    std::string_view at = path;
    replaced_ += depth_of(ancestor) * copied_level;
    for (;;) {
        ++work_;
        account(*node, at, +1);
        touch(at);
        mark_modified(at);
        std::string_view above = parent_of(at);
        if (above == ancestor) break;
        auto parent = std::make_shared<Node>(
            Node{.value = {}, .permissions = permissions, .generation = generation, .children = {}});
        parent->children = parent->children.with(basename_of(at), std::move(node));
        node = std::move(parent);
        at = above;
    }
    NodeRef old = *xenstored::find(root_, ancestor);
    root_ = with_node(root_, at, std::move(node), generation);
    account(*old, ancestor, -1);
    account(**xenstored::find(root_, ancestor), ancestor, +1);
    touch(ancestor);
    mark_modified(ancestor);
}

void Transaction::remove_below(std::string const& path, NodeRef const& node, NodeRef const& parent, Scope scope) {
    ++work_;
    account(*node, path, -1);
    touch(path);
    mark_modified(path);
    note(path, scope, &node, &parent);
    node->children.for_each([&](std::string_view name, NodeRef const& child) {
        remove_below(std::string{path}.append("/").append(name), child, node, Scope::exact);
        return true;
    });
}

void Transaction::leave_snapshots() {
    if (snapshot_.among != nullptr) std::exchange(snapshot_.among, nullptr)->remove(*this);
}

void Transaction::remove(std::string_view path, Generation generation) {
    replaced_ += (depth_of(path) + 1) * copied_level;
    NodeRef node = *xenstored::find(root_, path);
    std::string parent{parent_of(path)};
    NodeRef old_parent = *xenstored::find(root_, parent);
    remove_below(std::string{path}, node, old_parent, Scope::node_and_above);
    root_ = without_node(root_, path, generation);
    account(*old_parent, parent, -1);
    account(**xenstored::find(root_, parent), parent, +1);
    touch(parent);
    mark_modified(parent);
}

bool Transaction::conflicts_with(NodeRef const& current) const {
    if (current == base_) return false;
    for (std::string const& path : touched_) {
        if (generation_at(base_, path) != generation_at(current, path)) return true;
    }
    return false;
}

NodeRef Transaction::merged_into(NodeRef const& current, Generation generation) const {
    if (current == base_) return root_;
    NodeRef merged = current;
    for (std::string const& path : modified_) {
        NodeRef const* ours = xenstored::find(root_, path);
        NodeRef const* theirs = xenstored::find(merged, path);
        if (ours == nullptr) {
            if (theirs != nullptr) merged = without_node(merged, path, generation);
            continue;
        }
        auto node = std::make_shared<Node>(**ours);
        // Its children are in the set themselves if this transaction changed them.
        node->children = theirs == nullptr ? Children{} : (*theirs)->children;
        node->generation = generation;
        merged = with_node(merged, path, std::move(node), generation);
    }
    return merged;
}

Usage Transaction::usage_of(Domid domid) const {
    auto known = usage_.find(domid);
    return known == usage_.end() ? Usage{} : known->second;
}

void Transaction::doom() {
    leave_snapshots();
    base_ = root_ = nullptr;
    touched_.clear();
    modified_.clear();
    changes_.clear();
    change_at_.clear();
    usage_.clear();
    memory_ = 0;
}
}  // namespace paravane::xenstored

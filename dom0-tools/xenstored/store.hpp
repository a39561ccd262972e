// SPDX-License-Identifier: MIT
// The store: an immutable tree. Every change gives a new root that shares all untouched nodes with the old one, so a
// snapshot is a pointer and a transaction that fails leaves nothing to undo.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "children.hpp"
#include "permissions.hpp"
#include "text.hpp"

namespace paravane::xenstored {
struct Node {
    Text value;
    PermissionsRef permissions;
    // Of the last change of value, permissions or list of children; never of a child's inside.
    Generation generation = 0;
    Children children;

    // The size the entry-size quota means: Xen's record header, permissions, value and child list.
    std::size_t entry_size() const {
        return 24 + 8 * permissions->entries.size() + value.size() + children.listing_size();
    }
    // The owners of this node and of all below, as bits that several domains may share.
    std::uint64_t owners() const { return owner_bit(permissions->owner()) | children.owners(); }
    static std::uint64_t owner_bit(Domid owner) { return std::uint64_t{1} << (owner % 64); }
};

// What a node costs its owner in the memory quota.
std::size_t memory_cost(Node const& node, std::string_view path);

// The tree a fresh store begins with: /, /tool, /tool/xenstored, owned by dom0.
NodeRef initial_tree();

// `path` must be valid (path.hpp). Null if there is no such node.
NodeRef const* find(NodeRef const& root, std::string_view path);

// The tree with another node at `path`, whose parent must exist (or `path` be the root). If the node is new, its
// parent's list of children changes, and so does the parent's generation.
NodeRef with_node(NodeRef const& root, std::string_view path, NodeRef node, Generation generation);
// The tree without the node at `path`, which must exist and not be the root.
NodeRef without_node(NodeRef const& root, std::string_view path, Generation generation);

// How many components it has: "/" has none.
std::size_t depth_of(std::string_view path);

// The highest nodes of an owner: those that no other node of that owner is above.
std::vector<std::string> tops_of(NodeRef const& root, Domid owner);

// Calls visit(path, node) for the node and all below it, parents first.
template <class Visit>
void for_each_below(std::string const& path, NodeRef const& node, Visit&& visit) {
    visit(path, node);
    node->children.for_each([&](std::string_view name, NodeRef const& child) {
        std::string below = path;
        if (below.size() > 1) below += '/';
        below += name;
        for_each_below(below, child, visit);
        return true;
    });
}
}  // namespace paravane::xenstored

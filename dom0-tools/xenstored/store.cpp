// SPDX-License-Identifier: MIT
#include "store.hpp"

#include <algorithm>

#include "path.hpp"

namespace paravane::xenstored {
namespace {
// The changed copy of `at` where `rest` leads to the node that becomes `leaf`; a null leaf removes it.
NodeRef rebuild(Node const& at, std::string_view rest, NodeRef& leaf, Generation generation) {
    std::string_view name = take_component(rest);
    NodeRef const* child = at.children.find(name);
    auto copy = std::make_shared<Node>(at);
    if (!rest.empty()) {
        copy->children = at.children.with(name, rebuild(**child, rest, leaf, generation));
        return copy;
    }
    if (leaf == nullptr) {
        copy->children = at.children.without(name);
        copy->generation = generation;
        return copy;
    }
    if (child == nullptr) copy->generation = generation;
    copy->children = at.children.with(name, std::move(leaf));
    return copy;
}

void find_tops(std::string const& path, NodeRef const& node, Domid owner, std::vector<std::string>& tops) {
    if (node->permissions->owner() == owner) {
        tops.push_back(path);
        if (path != "/") return;  // the root stays, so what is below it goes by itself
    }
    node->children.for_each_owned(Node::owner_bit(owner), [&](std::string_view name, NodeRef const& child) {
        if ((child->owners() & Node::owner_bit(owner)) == 0) return;
        find_tops(std::string{path == "/" ? "" : path}.append("/").append(name), child, owner, tops);
    });
}
}  // namespace

std::vector<std::string> tops_of(NodeRef const& root, Domid owner) {
    std::vector<std::string> tops;
    find_tops("/", root, owner, tops);
    return tops;
}

std::size_t depth_of(std::string_view path) {
    return path == "/" ? 0 : static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

std::size_t memory_cost(Node const& node, std::string_view path) { return node.entry_size() + path.size(); }

NodeRef initial_tree() {
    auto permissions = std::make_shared<Permissions const>(Permissions{{{dom0, Rights::none}}, 0});
    auto node = [&] {
        return std::make_shared<Node const>(
            Node{.value = {}, .permissions = permissions, .generation = 1, .children = {}});
    };
    NodeRef root = with_node(node(), "/tool", node(), 1);
    return with_node(root, "/tool/xenstored", node(), 1);
}

NodeRef const* find(NodeRef const& root, std::string_view path) {
    NodeRef const* at = &root;
    if (path == "/") return at;
    while (!path.empty()) {
        at = (*at)->children.find(take_component(path));
        if (at == nullptr) return nullptr;
    }
    return at;
}

NodeRef with_node(NodeRef const& root, std::string_view path, NodeRef node, Generation generation) {
    if (path == "/") return node;
    return rebuild(*root, path, node, generation);
}

NodeRef without_node(NodeRef const& root, std::string_view path, Generation generation) {
    NodeRef nothing;
    return rebuild(*root, path, nothing, generation);
}
}  // namespace paravane::xenstored

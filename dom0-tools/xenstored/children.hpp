// SPDX-License-Identifier: MIT
// The children of a node by name: a persistent treap. A change makes a new map and shares all but O(log n) entries with
// the old one, so a write below a directory of thousands costs no more than one below a small one.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace paravane::xenstored {
struct Node;
using NodeRef = std::shared_ptr<Node const>;

class Children {
public:
    NodeRef const* find(std::string_view name) const;
    Children with(std::string_view name, NodeRef node) const;  // added or replaced
    Children without(std::string_view name) const;

    std::uint32_t count() const { return count_; }
    // Length of the names as DIRECTORY lists them, each with its nul.
    std::uint32_t listing_size() const { return listing_size_; }
    bool empty() const { return count_ == 0; }

    // In the order of their names, until `visit` says false.
    template <class Visit>
    void for_each(Visit&& visit) const {
        walk(root_.get(), visit);
    }

private:
    struct Entry;
    using Link = std::shared_ptr<Entry const>;
    struct Entry {
        std::string name;
        NodeRef node;
        std::uint32_t priority;  // random, a parent's above its children's: that keeps the treap flat
        Link left;
        Link right;
    };

    static Link insert(Link const& at, std::string_view name, NodeRef& node, std::uint32_t priority);
    static Link replace(Entry const& at, std::string_view name, NodeRef& node);
    static Link erase(Entry const& at, std::string_view name);
    static Link merge(Link const& left, Link const& right);
    static std::pair<Link, Link> split(Link const& at, std::string_view name);

    template <class Visit>
    static bool walk(Entry const* at, Visit& visit) {
        if (at == nullptr) return true;
        return walk(at->left.get(), visit) && visit(std::string_view{at->name}, at->node) &&
               walk(at->right.get(), visit);
    }

    Link root_;
    std::uint32_t count_ = 0;
    std::uint32_t listing_size_ = 0;
};
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// The children of a node by name: a persistent treap. A change makes a new map and shares all but O(log n) entries with
// the old one, so a write below a directory of thousands costs no more than one below a small one.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "text.hpp"

namespace paravane::xenstored {
struct Node;
class Reader;
class Writer;
using NodeRef = std::shared_ptr<Node const>;

class Children {
public:
    NodeRef const* find(std::string_view name) const;
    Children with(std::string_view name, NodeRef node) const;  // added or replaced
    Children without(std::string_view name) const;

    std::uint32_t count() const { return count_; }
    void save(Writer& to) const;
    static Children load(Reader& from);
    // Length of the names as DIRECTORY lists them, each with its nul.
    std::uint32_t listing_size() const { return listing_of(root_); }
    bool empty() const { return count_ == 0; }
    // A set that has the owners of all nodes below, and may have more.
    std::uint64_t owners() const { return owners_of(root_); }

    // In the order of their names, until `visit` says false.
    template <class Visit>
    void for_each(Visit&& visit) const {
        walk(root_.get(), visit);
    }
    // The same, from the first name on that begins at this place of the listing or behind it.
    template <class Visit>
    void for_each_from(std::uint32_t offset, Visit&& visit) const {
        walk_from(root_.get(), offset, visit);
    }
    // Only those with one of these owners, or with one below, and perhaps others.
    template <class Visit>
    void for_each_owned(std::uint64_t owners, Visit&& visit) const {
        walk_owned(root_.get(), owners, visit);
    }

private:
    struct Entry;
    using Link = std::shared_ptr<Entry const>;
    struct Entry {
        Text name;
        NodeRef node;
        std::uint32_t priority;  // random, a parent's above its children's: that keeps the treap flat
        Link left = nullptr;
        Link right = nullptr;
        std::uint32_t listing = 0;  // these two are of the entry and all below it
        std::uint64_t owners = 0;

        std::uint32_t own_listing() const { return static_cast<std::uint32_t>(name.size() + 1); }
    };

    static std::uint32_t listing_of(Link const& at) { return at == nullptr ? 0 : at->listing; }
    static std::uint64_t owners_of(Link const& at) { return at == nullptr ? 0 : at->owners; }
    static Link finished(std::shared_ptr<Entry> entry);
    static void save(Writer& to, Link const& at);
    static Link load_link(Reader& from);

    static Link insert(Link const& at, std::string_view name, NodeRef& node, std::uint32_t priority);
    static Link replace(Entry const& at, std::string_view name, NodeRef& node);
    static Link erase(Entry const& at, std::string_view name);
    static Link merge(Link const& left, Link const& right);
    static std::pair<Link, Link> split(Link const& at, std::string_view name);

    template <class Visit>
    static bool walk(Entry const* at, Visit& visit) {
        if (at == nullptr) return true;
        return walk(at->left.get(), visit) && visit(at->name.view(), at->node) && walk(at->right.get(), visit);
    }
    template <class Visit>
    static bool walk_from(Entry const* at, std::uint32_t offset, Visit& visit) {
        if (at == nullptr || offset >= at->listing) return true;
        std::uint32_t const before = listing_of(at->left);
        std::uint32_t const behind = before + at->own_listing();
        if (offset < before && !walk_from(at->left.get(), offset, visit)) return false;
        if (offset <= before && !visit(at->name.view(), at->node)) return false;
        return walk_from(at->right.get(), offset > behind ? offset - behind : 0, visit);
    }
    template <class Visit>
    static void walk_owned(Entry const* at, std::uint64_t owners, Visit& visit) {
        if (at == nullptr || (at->owners & owners) == 0) return;
        walk_owned(at->left.get(), owners, visit);
        visit(at->name.view(), at->node);
        walk_owned(at->right.get(), owners, visit);
    }

    Link root_;
    std::uint32_t count_ = 0;
};
}  // namespace paravane::xenstored

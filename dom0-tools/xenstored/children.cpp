// SPDX-License-Identifier: MIT
#include "children.hpp"

#include <random>

#include "archive.hpp"

namespace paravane::xenstored {
namespace {
// Seeded once from the system, so that a guest cannot choose names that make the treap a list.
std::uint32_t random_priority() {
    static std::mt19937 generator{std::random_device{}()};
    return static_cast<std::uint32_t>(generator());
}
}  // namespace

Children::Link Children::finished(std::shared_ptr<Entry> entry) {
    entry->listing = entry->own_listing() + listing_of(entry->left) + listing_of(entry->right);
    entry->owners = entry->node->owners() | owners_of(entry->left) | owners_of(entry->right);
    return entry;
}

NodeRef const* Children::find(std::string_view name) const {
    Entry const* at = root_.get();
    while (at != nullptr) {
        int order = name.compare(at->name.view());
        if (order == 0) return &at->node;
        at = order < 0 ? at->left.get() : at->right.get();
    }
    return nullptr;
}

Children Children::with(std::string_view name, NodeRef node) const {
    Children changed = *this;
    if (find(name) != nullptr) {
        changed.root_ = replace(*root_, name, node);
        return changed;
    }
    changed.root_ = insert(root_, name, node, random_priority());
    changed.count_ += 1;
    return changed;
}

Children Children::without(std::string_view name) const {
    if (find(name) == nullptr) return *this;
    Children changed = *this;
    changed.root_ = erase(*root_, name);
    changed.count_ -= 1;
    return changed;
}

Children::Link Children::replace(Entry const& at, std::string_view name, NodeRef& node) {
    auto copy = std::make_shared<Entry>(at);
    int order = name.compare(at.name.view());
    if (order == 0) {
        copy->node = std::move(node);
    } else if (order < 0) {
        copy->left = replace(*at.left, name, node);
    } else {
        copy->right = replace(*at.right, name, node);
    }
    return finished(std::move(copy));
}

Children::Link Children::insert(Link const& at, std::string_view name, NodeRef& node, std::uint32_t priority) {
    if (at == nullptr || priority > at->priority) {
        auto [left, right] = split(at, name);
        return finished(std::make_shared<Entry>(Entry{Text{name}, std::move(node), priority, left, right}));
    }
    auto copy = std::make_shared<Entry>(*at);
    if (name < at->name.view()) {
        copy->left = insert(at->left, name, node, priority);
    } else {
        copy->right = insert(at->right, name, node, priority);
    }
    return finished(std::move(copy));
}

std::pair<Children::Link, Children::Link> Children::split(Link const& at, std::string_view name) {
    if (at == nullptr) return {};
    auto copy = std::make_shared<Entry>(*at);
    if (at->name.view() < name) {
        auto [left, right] = split(at->right, name);
        copy->right = left;
        return {finished(std::move(copy)), right};
    }
    auto [left, right] = split(at->left, name);
    copy->left = right;
    return {left, finished(std::move(copy))};
}

Children::Link Children::erase(Entry const& at, std::string_view name) {
    int order = name.compare(at.name.view());
    if (order == 0) return merge(at.left, at.right);
    auto copy = std::make_shared<Entry>(at);
    if (order < 0) {
        copy->left = erase(*at.left, name);
    } else {
        copy->right = erase(*at.right, name);
    }
    return finished(std::move(copy));
}

Children::Link Children::merge(Link const& left, Link const& right) {
    if (left == nullptr) return right;
    if (right == nullptr) return left;
    bool left_on_top = left->priority > right->priority;
    auto copy = std::make_shared<Entry>(left_on_top ? *left : *right);
    if (left_on_top) {
        copy->right = merge(left->right, right);
    } else {
        copy->left = merge(left, right->left);
    }
    return finished(std::move(copy));
}

void Children::save(Writer& to, Link const& at) {
    if (!to.begin(at.get())) return;
    to.shared(at->name);
    to.shared(at->node);
    to.number(at->priority);
    save(to, at->left);
    save(to, at->right);
    to.finish(at.get());
}

Children::Link Children::load_link(Reader& from) {
    return from.shared<Entry>([&] {
        auto entry = std::make_shared<Entry>();
        entry->name = from.shared_text();
        entry->node = from.shared_node();
        entry->priority = from.number<std::uint32_t>();
        entry->left = load_link(from);
        entry->right = load_link(from);
        return finished(std::move(entry));
    });
}

void Children::save(Writer& to) const {
    to.number(count_);
    save(to, root_);
}

Children Children::load(Reader& from) {
    Children children;
    children.count_ = from.number<std::uint32_t>();
    children.root_ = load_link(from);
    return children;
}
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
#include "archive.hpp"

namespace paravane::xenstored {
bool Writer::begin(void const* object) {
    auto known = object == nullptr ? known_.end() : known_.find(object);
    if (object == nullptr) {
        number(0);
    } else if (known == known_.end()) {
        number(1);
        return true;
    } else {
        number(known->second + 2);
    }
    return false;
}

void Writer::shared(Text const& text) {
    if (!begin(text.identity())) return;
    this->text(text);
    finish(text.identity());
}

void Writer::shared(PermissionsRef const& permissions) {
    if (!begin(permissions.get())) return;
    number(permissions->set_at);
    number(permissions->entries.size());
    for (Permission const& entry : permissions->entries) {
        number(entry.domid);
        number(static_cast<std::uint64_t>(entry.rights));
    }
    finish(permissions.get());
}

void Writer::shared(NodeRef const& node) {
    if (!begin(node.get())) return;
    shared(node->value);
    shared(node->permissions);
    number(node->generation);
    node->children.save(*this);
    finish(node.get());
}

Text Reader::shared_text() {
    return Text{shared<std::string>([&] { return std::make_shared<std::string const>(text()); })};
}

PermissionsRef Reader::shared_permissions() {
    return shared<Permissions>([&] {
        Permissions permissions;
        permissions.set_at = number();
        for (std::uint64_t left = number(); left > 0; --left) {
            auto domid = number<Domid>();
            permissions.entries.push_back({domid, static_cast<Rights>(number())});
        }
        return std::make_shared<Permissions const>(std::move(permissions));
    });
}

NodeRef Reader::shared_node() {
    return shared<Node>([&] {
        Node node{.value = shared_text(), .permissions = nullptr, .generation = 0, .children = {}};
        node.permissions = shared_permissions();
        node.generation = number();
        node.children = Children::load(*this);
        return std::make_shared<Node const>(std::move(node));
    });
}
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
#include "permissions.hpp"

#include "portable/base/number.hpp"

namespace paravane::xenstored {
namespace {
bool concerns(Permission const& entry, Generation set_at, Principal const& principal) {
    return entry.domid == principal.domid && principal.born <= set_at;
}

char letter_of(Rights rights) {
    switch (rights & Rights::read_write) {
        case Rights::read: return 'r';
        case Rights::write: return 'w';
        case Rights::read_write: return 'b';
        default: return 'n';
    }
}
}  // namespace

Rights rights_of(Caller const& caller, Permissions const& permissions) {
    Domid owner = permissions.owner();
    if (caller.privileged || owner == caller.self.domid || (caller.target && owner == caller.target->domid)) {
        return Rights::all;
    }
    for (Permission const& entry : std::span{permissions.entries}.subspan(1)) {
        if (concerns(entry, permissions.set_at, caller.self) ||
            (caller.target && concerns(entry, permissions.set_at, *caller.target))) {
            return entry.rights;
        }
    }
    return permissions.entries.front().rights;
}

std::optional<Permission> parse_permission(std::string_view text) {
    if (text.size() < 2) return std::nullopt;
    Permission permission{};
    switch (text.front()) {
        case 'n': permission.rights = Rights::none; break;
        case 'r': permission.rights = Rights::read; break;
        case 'w': permission.rights = Rights::write; break;
        case 'b': permission.rights = Rights::read_write; break;
        default: return std::nullopt;
    }
    std::optional<Domid> domid = hv::parse_decimal<Domid>(text.substr(1));
    if (!domid) return std::nullopt;
    permission.domid = *domid;
    return permission;
}

std::optional<std::vector<Permission>> parse_permissions(std::span<std::string_view const> texts) {
    std::vector<Permission> permissions;
    permissions.reserve(texts.size());
    for (std::string_view text : texts) {
        std::optional<Permission> permission = parse_permission(text);
        if (!permission) return std::nullopt;
        permissions.push_back(*permission);
    }
    return permissions;
}

std::string format_permissions(Permissions const& permissions) {
    std::string text;
    for (Permission const& permission : permissions.entries) {
        text += letter_of(permission.rights);
        text += std::to_string(permission.domid);
        text += '\0';
    }
    return text;
}
}  // namespace paravane::xenstored

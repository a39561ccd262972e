// SPDX-License-Identifier: MIT
// Who may do what with a node: an owner, what everybody else may do, and exceptions by domain.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paravane::xenstored {
using Domid = std::uint16_t;
using Generation = std::uint64_t;  // counts changes of the store; no two changes have the same

inline constexpr Domid dom0 = 0;
inline constexpr Domid first_reserved_domid = 0x7ff0;

// A set of bits; a node's own list knows only read and write.
enum class Rights : std::uint8_t { none = 0, read = 1, write = 2, read_write = 3, owner = 4, change = 6, all = 7 };

constexpr Rights operator&(Rights a, Rights b) {
    return static_cast<Rights>(static_cast<std::uint8_t>(a) & static_cast<std::uint8_t>(b));
}
constexpr bool includes(Rights have, Rights wanted) { return (have & wanted) == wanted; }

struct Permission {
    Domid domid;
    Rights rights;
    bool operator==(Permission const&) const = default;
};

// Immutable and shared: a child begins with its parent's. The first entry names the owner and the rights of all not
// listed. `set_at` is the moment the list was made: a domain born later under a reused number does not inherit an
// entry.
struct Permissions {
    std::vector<Permission> entries;
    Generation set_at = 0;

    Domid owner() const { return entries.front().domid; }
};
using PermissionsRef = std::shared_ptr<Permissions const>;

// A domain as the subject of a check.
struct Principal {
    Domid domid = dom0;
    Generation born = 0;
};

struct Caller {
    Principal self;
    bool privileged = false;
    std::optional<Principal> target;  // the domain a device model acts for (SET_TARGET)
};

Rights rights_of(Caller const& caller, Permissions const& permissions);

// "n0", "r3", "w4", "b5"
std::optional<Permission> parse_permission(std::string_view text);
std::optional<std::vector<Permission>> parse_permissions(std::span<std::string_view const> texts);
std::string format_permissions(Permissions const& permissions);  // each with its nul
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// The conditions of a domain: aspects of its state, in words, and since when each is as it is.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "daemon/reconcile.hpp"

namespace paravane {
struct Condition {
    char const* type;
    bool value;
    char const* reason;
    std::string message;
};

// `managed`: it has a record. Without one nothing is wanted of it, so that it is neither on the way nor out of date.
std::vector<Condition> conditions_of(Record const& record, bool managed, std::optional<SeenGuest> const& guest);
// Writes down which are not as they were, and that it is so from now on. False: all are.
bool note_conditions(Record& record, bool managed, std::optional<SeenGuest> const& guest, WallTime now);
// What is said of a guest that is dead and still there; else "".
std::string held_words(std::optional<SeenGuest> const& guest);
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/conditions.hpp"

namespace paravane {
namespace {
bool is_as_wanted(Record const& record, std::optional<SeenGuest> const& guest) {
    if (guest && guest->dying) return false;
    bool const ended = guest && guest->shutdown, paused = guest && guest->paused;
    switch (record.spec.power_state) {
        case PowerState::running: return record.phase == Phase::started && !ended && !paused;
        case PowerState::paused:
            return record.phase == Phase::ready || (record.phase == Phase::started && !ended && paused);
        case PowerState::stopped: return record.phase == Phase::none;
    }
    return false;
}
}  // namespace

std::vector<Condition> conditions_of(Record const& record, bool managed, std::optional<SeenGuest> const& guest) {
    std::vector<Condition> all;
    if (managed) {
        bool const ready = is_as_wanted(record, guest);
        all.push_back({"Managed", true, "Recorded", ""});
        all.push_back({"Ready", ready, ready ? "AsWanted" : "OnTheWay", ""});
    } else {
        all.push_back({"Managed", false, "Foreign", ""});
        all.push_back({"Ready", guest && !guest->dying && !guest->shutdown, "NothingWanted", ""});
    }
    if (!record.failure.empty()) all.push_back({"Failed", true, "StartFailed", record.failure});
    if (std::string held = held_words(guest); !held.empty())
        all.push_back({"Held", true, "MemoryHeld", std::move(held)});
    if (record.gave_up) all.push_back({"GaveUp", true, "ShortLived", "too many guests in a row ended too soon"});
    if (record.deleting) all.push_back({"Deleting", true, "Asked", ""});
    if (managed && record.has_guest() && record.built_generation != record.generation)
        all.push_back({"RestartNeeded", true, "SpecChanged", "parts of the spec count from the next start"});
    return all;
}

bool note_conditions(Record& record, bool managed, std::optional<SeenGuest> const& guest, WallTime now) {
    decltype(record.conditions) noted;
    for (Condition const& each : conditions_of(record, managed, guest)) {
        auto const before = record.conditions.find(each.type);
        bool const same = before != record.conditions.end() && before->second.value == each.value;
        noted.emplace(each.type, same ? before->second : Since{each.value, now});
    }
    bool const changed = noted != record.conditions;
    record.conditions = std::move(noted);
    return changed;
}

std::string held_words(std::optional<SeenGuest> const& guest) {
    if (!guest || !guest->dying) return "";
    return "somebody still holds " + std::to_string(guest->pages) + " of its pages";
}
}  // namespace paravane

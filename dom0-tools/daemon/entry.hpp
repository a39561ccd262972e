// SPDX-License-Identifier: MIT
// A domain inside the engine: its record, what was seen of it last, and its strand.
#pragma once
#include "daemon/engine.hpp"

namespace paravane {
struct Engine::Pending {
    std::string operation;
    Action action = Action::create;
    Goal goal = Goal::settled;
    std::uint32_t starts = 0, failures = 0;  // when it was asked for
    std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
    bool force = false;
    std::string device = "";
    bool unwritten = false;                     // what it would change next could not be written: it is tried again
    std::optional<Error> error = std::nullopt;  // it has failed, and is done when all of it is taken back
};

struct Engine::Entry {
    explicit Entry(Record first) : name{first.spec.name}, record{std::move(first)} {}

    std::string const name;

    // Of the strand alone.
    std::uint64_t nodes_epoch = 0;
    Sight nodes = Sight::unknown;
    std::map<std::string, SeenDevice, std::less<>> devices;  // by id; of others nothing is known
    int held_looks = 0;

    std::atomic<bool> anything_there =
        true;  // the hypervisor may have guests of this uid that the record does not name

    std::mutex mutex;  // of what follows
    Record record;
    std::optional<SeenGuest> guest = std::nullopt;
    std::optional<Error> failure = std::nullopt;
    std::uint32_t failures = 0;
    std::map<std::string, Error, std::less<>> device_failures;  // of those that are not served, by id
    std::stop_source building;                                  // of the guest that is being made
    std::vector<Pending> pending;
    std::optional<std::chrono::steady_clock::time_point> alarm = std::nullopt;  // of the first deadline
    bool scheduled = false, again = false, removed = false, retries = false;
    bool unsaved = false;  // the record has what is not on disk: times of conditions, requests that failed
};

// Whether what it has begun can be taken back: to ask a guest, or to change its devices. Of a create and a start that
// depends on more.
inline bool is_cancellable(Record const& record, Action action, std::string const& device) {
    if (action == Action::shutdown || action == Action::reboot || action == Action::attach) return true;
    auto const leaves = record.leaving.find(device);
    return action == Action::detach && leaves != record.leaving.end() && leaves->second == Leave::asked;
}
}  // namespace paravane

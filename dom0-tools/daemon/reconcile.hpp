// SPDX-License-Identifier: MIT
// The one decision of the control plane: given what is wanted and recorded of a domain and what is seen of it, the next
// step. Pure: it can be asked at any time, after any crash, any number of times. A step is taken, then all is looked at
// again; what was interrupted is thereby continued.
//
// A guest that runs is ended for three reasons only: no guest is wanted, another one was asked for, or the record says
// that this one was never complete.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/record.hpp"
#include "hypercall/domain_info.hpp"

namespace paravane {
struct SeenGuest {
    std::uint16_t id = 0;
    bool paused = false, shutdown = false, dying = false;
    ShutdownReason reason = ShutdownReason::poweroff;
    std::uint64_t pages = 0;
};

constexpr SeenGuest seen_guest(DomainInfo const& info) {
    return {info.id, info.paused, info.shutdown, info.dying, info.reason, info.pages};
}

enum class Sight : std::uint8_t { unknown, missing, present };

struct Seen {
    std::vector<SeenGuest> guests;   // all that the hypervisor has under this uid
    Sight nodes = Sight::unknown;    // of the recorded guest; unknown: xenstored does not answer
    Sight console = Sight::unknown;  // its backend
    bool corpse_recorded = false;    // the domain `corpse` exists
    WallTime now{};
    std::string boot;       // which start of the host this is
    std::string fresh_uid;  // for a domain that has to be made
};

enum class StepKind : std::uint8_t {
    settled,    // nothing to do until something changes
    wait,       // likewise, or until `until`
    wait_held,  // until the hypervisor has forgotten guest `id`
    write,      // make `next` the record
    build,      // make a guest, then record it as `ready`
    publish,    // write the guest's nodes and introduce it
    start_console,
    ask,           // the guest to power off or to reboot, then record that it was told
    pause,         // guest `id`
    unpause,       // likewise
    destroy,       // likewise
    remove_nodes,  // of the recorded guest
    give_handle,   // of `corpse` to guest `id`
    write_corpse,  // the record of `corpse`
    remove_record,
};

struct Step {
    StepKind kind = StepKind::settled;
    std::uint16_t id = 0;
    WallTime until{};
    std::optional<Record> next = std::nullopt;
};

Step next_step(Record const& record, Seen const& seen);

// Whether the step talks to xenstored.
bool needs_store(StepKind kind);

// A start that failed: when to try again. `error` is for people.
void note_failure(Record& record, std::string error, WallTime now);
// The record of the guest that leaves `record`, under the name given.
Record make_corpse(Record const& record, std::string name, WallTime now);
}  // namespace paravane

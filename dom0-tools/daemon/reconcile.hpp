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

// The nodes of a device's two ends: the guest sees the device when both are there.
enum class Ends : std::uint8_t { unknown, missing, offered, published };

struct SeenDevice {
    std::string id;
    bool negotiates = false;         // by nodes; not so a console, which its guest is built with
    Sight backend = Sight::unknown;  // its process. Asking for one that is there does no harm
    Ends ends = Ends::unknown;       // unknown: xenstored does not answer
    bool asked = false;              // its guest was asked to let go of it
    bool let_go = false;
};

struct Seen {
    std::vector<SeenGuest> guests;    // all that the hypervisor has under this uid
    Sight nodes = Sight::unknown;     // of the recorded guest; unknown: xenstored does not answer
    std::vector<SeenDevice> devices;  // its own, the console first
    bool corpse_recorded = false;     // the domain `corpse` exists
    WallTime now{};
    std::string boot;       // which start of the host this is
    std::string fresh_uid;  // for a domain that has to be made
};

enum class StepKind : std::uint8_t {
    settled,          // nothing to do until something changes
    wait,             // likewise, or until `until`
    wait_held,        // until the hypervisor has forgotten guest `id`
    write,            // make `next` the record
    build,            // make a guest, then record it as `ready`
    publish,          // write the guest's nodes and introduce it
    offer_device,     // write the nodes of its back end
    start_device,     // its process
    publish_device,   // write the nodes of its front end
    ask_device,       // the guest, to let go of it
    keep_device,      // the guest need not
    wait_device,      // until guests have let go of what they were asked for
    stop_device,      // its process
    withdraw_device,  // remove the nodes of both ends
    ask,              // the guest to power off or to reboot, then record that it was told
    pause,            // guest `id`
    unpause,          // likewise
    destroy,          // likewise
    remove_nodes,     // of the recorded guest
    give_handle,      // of `corpse` to guest `id`
    write_corpse,     // the record of `corpse`
    remove_record,
};

struct Step {
    StepKind kind = StepKind::settled;
    std::uint16_t id = 0;
    std::string device = "";
    WallTime until{};
    std::optional<Record> next = std::nullopt;
};

Step next_step(Record const& record, Seen const& seen);

// Whether the step talks to xenstored, or to the supervisor of backends.
bool needs_store(StepKind kind);
bool needs_supervisor(StepKind kind);
// The device is no longer the domain's.
void drop_device(Record& record, std::string_view id, WallTime now);

// A start that failed: when to try again. `error` is for people.
void note_failure(Record& record, std::string error, WallTime now);
// The record of the guest that leaves `record`, under the name given.
Record make_corpse(Record const& record, std::string name, WallTime now);
}  // namespace paravane

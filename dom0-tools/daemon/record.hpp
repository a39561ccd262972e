// SPDX-License-Identifier: MIT
// What is durable of a domain: what is wanted of it, and how far the way there has been gone. Each phase is written
// before the step that it announces, so that whoever reads it after a crash knows what may have been done.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/nodes.hpp"
#include "domain/spec.hpp"
#include "os/error.hpp"

namespace paravane {
enum class Phase : std::uint8_t {
    none,      // no guest
    building,  // a guest of this uid that the hypervisor has may be half built
    ready,     // `guest` is complete and was never let run
    started,   // `guest` has been let run, or is just about to
    kept,      // `guest` has ended by itself and stays for inspection
    leaving,   // `guest` has ended by itself and stays under the name of another domain, `corpse`
    ending,    // `guest` is to be destroyed; `after` says what then
};
enum class After : std::uint8_t { stop, restart };
enum class Asked : std::uint8_t { nothing, poweroff, reboot, restart };
enum class EndReason : std::uint8_t { none, poweroff, reboot, suspend, crash, watchdog, soft_reset, stopped, vanished };

using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

struct GuestEnd {
    EndReason reason = EndReason::none;
    EndAction action = EndAction::destroy;
    WallTime time{};
    std::uint16_t id = 0;

    bool operator==(GuestEnd const&) const = default;
};

enum class Action : std::uint8_t {
    create,
    update,
    remove,
    start,
    stop,
    shutdown,
    reboot,
    restart,
    pause,
    unpause,
    attach,
    detach
};

// What makes an operation done.
enum class Goal : std::uint8_t {
    running,  // a guest that was let run after this was asked for
    paused,   // one that waits to be let run
    settled,  // whatever the spec says now
    stopped,
    gone,
    attached,  // a device, to the guest if there is one
    detached,
};

enum class Outcome : std::uint8_t { under_way, done, superseded };

// A mutation that was taken, and how it ended: its repetition does nothing. One that failed is not here any more.
struct Request {
    std::string id, method, digest, operation;  // id: may be empty, while it is under way
    WallTime time{};
    Outcome outcome = Outcome::under_way;
    // While it is that:
    Action action = Action::update;
    Goal goal = Goal::settled;
    std::uint32_t starts = 0;  // of the domain, when it was asked for
    WallTime deadline{};       // the epoch: none
    bool force = false;        // what is not so at the deadline is made so
    std::string device = "";   // which one comes or goes

    bool operator==(Request const&) const = default;
};

// How a device goes: by what its guest was asked, or whatever it says (or has said).
enum class Leave : std::uint8_t { asked, taken };

// A condition as it was last, and since when.
struct Since {
    bool value = false;
    WallTime time{};

    bool operator==(Since const&) const = default;
};

struct Record {
    std::string uid;
    DomainSpec spec;
    std::int64_t generation = 1, built_generation = 0;
    WallTime created{}, updated{};
    bool deleting = false;

    Phase phase = Phase::none;
    After after = After::stop;
    Asked asked = Asked::nothing;  // powering off and rebooting are the guest's to do,
    bool told = false;             // once it was told
    GuestPlace guest;              // from `ready` on
    WallTime started{};            // when the guest was let run; before that, nothing
    std::uint32_t starts = 0;
    std::uint32_t short_lives = 0;  // guests in a row that ended too soon, or could not be built
    WallTime not_before{};          // of the next start
    GuestEnd last_end;
    std::string failure;  // why the last start failed
    std::string boot;     // the host's start in which the guest was made
    std::string corpse;   // uid, in the phase `leaving`
    bool gave_up = false;
    std::map<std::string, Leave, std::less<>> leaving;  // devices of the spec that are to go, by id
    std::vector<Request> requests;                      // the youngest last
    std::map<std::string, Since, std::less<>> conditions;

    bool has_guest() const { return phase >= Phase::ready; }
    bool wants_guest() const { return !deleting && spec.power_state != PowerState::stopped; }
    std::string etag() const;

    bool operator==(Record const&) const = default;
};

// Those with an id; there is room for some without, so that who has used up the ids can still stop a domain.
constexpr std::size_t most_requests = 256, most_nameless = 64;
// Forgets those that ended more than an hour ago. exhausted: too many are younger.
Result<> remember(Record& record, Request request);
Request* find_request(Record& record, std::string const& operation);
// It has failed: it may be asked for again under its id.
void forget_request(Record& record, std::string const& operation);
// Of one without an id nothing is kept.
void end_request(Record& record, std::string const& operation, Outcome outcome);
// Nobody waits for the guest to end by itself any more.
void take_back_ask(Record& record);
// Whether it has a request that may still be repeated: for an hour.
bool is_repeatable(Record const& record, WallTime now);

// Text, one "key value" a line, with a version before and a sum behind it. Decoding refuses what it does not know:
// a record is acted upon as a whole or not at all.
std::string encode(Record const& record);
Result<Record> decode(std::string_view text);
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The life of every domain of this host, from create to destroy. What a domain is stands in the hypervisor and in
// xenstore; here is only what it takes to run one operation at a time per domain. Thread-safe.
#pragma once
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/console_process.hpp"
#include "daemon/event_hub.hpp"
#include "domain/nodes.hpp"
#include "domain/spec.hpp"
#include "hypercall/hypervisor.hpp"
#include "kernel/image_reader.hpp"
#include "os/error.hpp"

namespace paravane {
// A domain as it is now.
struct Domain {
    std::uint16_t id = 0;
    std::string name;
    std::optional<DomainInfo> info;  // none: it has gone already
    std::optional<DomainSpec> spec;  // none: it was made by somebody else
    std::string console_log;         // a path; empty: none
};

struct Host {
    VersionFacts version;
    MachineFacts machine;
    std::size_t domains;
};

class DomainManager {
public:
    // A domain that crashes sooner than `shortest_life` is not built again: it would do nothing else.
    DomainManager(Hypervisor hypervisor, ConsoleSettings consoles, ImageSettings images, EventHub& events,
                  std::chrono::nanoseconds shortest_life = std::chrono::seconds{1})
        : hypervisor_{std::move(hypervisor)},
          consoles_{std::move(consoles)},
          images_{std::move(images)},
          events_{events},
          shortest_life_{shortest_life} {}

    // Learns of the domains that are there, and destroys those a predecessor left half built.
    Result<> adopt();

    Result<Domain> create(DomainSpec const& spec, bool paused);
    Result<Domain> get(std::string const& name);
    Result<std::vector<Domain>> list();
    Result<Domain> pause(std::string const& name);
    Result<Domain> unpause(std::string const& name);
    // request: "poweroff" or "reboot". True if the domain ended within `wait`.
    Result<bool> ask_to_end(std::string const& name, std::string const& request, std::chrono::nanoseconds wait);
    Result<> destroy(std::string const& name);
    Result<std::string> console_socket(std::string const& name);
    Result<Host> host();
    Result<std::string> hypervisor_log(bool clear);

    // Deals with every domain that ended since the last call, as its spec says. Called by one thread.
    Result<> handle_ends();

private:
    struct Managed {
        DomainRecord record;
        std::chrono::steady_clock::time_point started;
        bool busy = false;   // an operation on it is under way
        bool ended = false;  // its end has been dealt with, its memory is kept
    };
    struct Target {
        DomainInfo info;
        std::string name;
    };
    class Claim;            // one operation on one domain
    class NameReservation;  // a name that nobody else may take meanwhile
    struct Held;            // a domain found and claimed

    Result<std::uint16_t> construct(DomainSpec const& spec, bool paused);
    // A domain that is just being built, or built again, is waited for.
    Result<Target> find(std::string const& name);
    Result<Target> find_present(std::string const& name);
    Result<Target> find_guest(std::string const& name);
    Result<Claim> claim(std::uint16_t id);
    Result<Held> hold(std::string const& name);
    Result<NameReservation> reserve(std::string const& name);
    std::string display_name(std::uint16_t id, DomainNodes* nodes);
    Domain describe(DomainInfo const& info, std::string const& name);
    Result<> destroy_and_forget(std::uint16_t id);
    Result<> end_in_hypervisor(std::uint16_t id);
    Result<> handle_end(std::uint16_t id, ShutdownReason reason);
    Result<> restart(std::uint16_t id, DomainSpec const& spec);
    Result<> check_free_memory(std::uint64_t memory);

    Hypervisor hypervisor_;
    ConsoleProcesses consoles_;
    ImageReader images_;
    EventHub& events_;
    std::chrono::nanoseconds shortest_life_;
    std::mutex build_mutex_;  // of those that fill a domain, one at a time
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint16_t, Managed> domains_;
    std::set<std::string> reserved_;
};
}  // namespace paravane

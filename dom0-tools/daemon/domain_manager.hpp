// SPDX-License-Identifier: MIT
// The life of every domain of this host, from create to destroy. What a domain is stands in the hypervisor and in
// xenstore; here is only what it takes to run one operation at a time per domain. Thread-safe.
#pragma once
#include <hypervisor.pb.h>

#include "daemon/console_process.hpp"
#include "daemon/domain_nodes.hpp"
#include "daemon/event_hub.hpp"
#include "hypercall/domctl.hpp"
#include "os/error.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace paravane {
// How errors of the manager are meant: EINVAL the request, ENOENT no such domain, EEXIST the name is taken, ENOEXEC the
// kernel or initrd, ENOMEM no memory, EBUSY the domain's state, ETIMEDOUT waited in vain, ECONNREFUSED and ECONNRESET
// xenstored, anything else the machine.
class DomainManager {
public:
    // A domain that crashes sooner than `shortest_life` is not built again: it would do nothing else.
    DomainManager(Domctl domctl, ConsoleSettings consoles, EventHub& events,
                  std::chrono::nanoseconds shortest_life = std::chrono::seconds{1})
        : domctl_{std::move(domctl)}, consoles_{std::move(consoles)}, events_{events}, shortest_life_{shortest_life} {}

    // Learns of the domains that are there, and destroys those a predecessor left half built.
    Result<> adopt();

    Result<v1::Domain> create(v1::DomainSpec const& spec, bool paused);
    Result<v1::Domain> get(std::string const& name);
    Result<std::vector<v1::Domain>> list();
    Result<v1::Domain> pause(std::string const& name);
    Result<v1::Domain> unpause(std::string const& name);
    // request: "poweroff" or "reboot". True if the domain ended within `wait`.
    Result<bool> ask_to_end(std::string const& name, std::string const& request, std::chrono::nanoseconds wait);
    Result<> destroy(std::string const& name);
    Result<std::string> console_socket(std::string const& name);
    Result<v1::HostInfo> host_info();
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

    Result<std::uint16_t> construct(v1::DomainSpec const& spec, bool paused);
    // A domain that is just being built, or built again, is waited for.
    Result<Target> find(std::string const& name);
    Result<Target> find_present(std::string const& name);
    Result<Target> find_guest(std::string const& name);
    Result<Claim> claim(std::uint16_t id);
    Result<Held> hold(std::string const& name);
    Result<NameReservation> reserve(std::string const& name);
    std::string display_name(std::uint16_t id, DomainNodes* nodes);
    v1::Domain describe(DomainInfo const& info, std::string const& name);
    Result<> destroy_and_forget(std::uint16_t id);
    Result<> end_in_hypervisor(std::uint16_t id);
    Result<> handle_end(std::uint16_t id, ShutdownReason reason);
    Result<> restart(std::uint16_t id, v1::DomainSpec const& spec);
    Result<> check_free_memory(std::uint64_t memory);

    Domctl domctl_;
    ConsoleProcesses consoles_;
    EventHub& events_;
    std::chrono::nanoseconds shortest_life_;
    std::mutex build_mutex_;  // one kernel unpacked in our memory at a time
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint16_t, Managed> domains_;
    std::set<std::string> reserved_;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The control plane of a host, without its API: takes wishes, makes them durable, and brings each domain to where it is
// wanted, one step at a time (reconcile.hpp), many domains at once. Thread-safe.
//
// A domain has a strand: its steps follow each other on a small pool; steps that talk to xenstored run on threads of
// their own, so that a store that does not answer holds up nothing else, and so do those that wait for the supervisor
// of backends, and those that make a guest, because who chose its files chose how long they take to read. No lock is
// held over a hypercall or a request to the store. Reading needs neither: it is done from what the hubs have, and one
// hypercall.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "daemon/devices/devices.hpp"
#include "daemon/devices/report.hpp"
#include "daemon/executor.hpp"
#include "daemon/guest_maker.hpp"
#include "daemon/hub.hpp"
#include "daemon/operations.hpp"
#include "daemon/reconcile.hpp"
#include "daemon/record_store.hpp"
#include "daemon/store_link.hpp"
#include "hypercall/hypervisor.hpp"

namespace paravane {
// A domain as it was at the last change.
struct DomainView {
    Record record;
    bool managed = true;  // false: made by another tool; the record has no more than its uid and name
    std::optional<SeenGuest> guest;
    std::string held;  // who holds the memory of a guest that is dead
    std::map<std::string, std::string, std::less<>> device_failures = {};  // why one is not served, by id
    std::uint64_t revision = 0;

    std::optional<std::uint16_t> id() const;
};

enum class EventKind : std::uint8_t {
    created,
    started,
    paused,
    unpaused,
    shutdown,
    reboot,
    crashed,
    stopped,
    deleted,
    failed,
    updated,
    held,
    backend
};

struct Event {
    EventKind kind = EventKind::created;
    std::string uid, name;
    std::optional<std::uint16_t> id;
    std::string reason, message;
    WallTime time{};
    std::uint64_t revision = 0;
};

// By uid, or else by name.
struct Selector {
    std::string name, uid;
    std::string words() const { return uid.empty() ? name : uid; }
};

// A mutation, as it was asked for.
struct Wish {
    Action action = Action::create;
    Selector target = {};
    std::string method = "", request_id = "", digest = "", etag = "", manager = "", caller = "", traceparent = "";
    bool override_manager = false, validate_only = false, force = false, allow_missing = false, paused = false;
    std::chrono::nanoseconds grace{};
    std::string uid = "";                                 // create: chosen by the caller; empty: by us
    DomainSpec spec = {};                                 // create
    DeviceSpec device = {};                               // attach; of detach its id
    std::function<Result<>(DomainSpec&)> edit = nullptr;  // update
    std::stop_token given_up = {};                        // create, validate_only: nobody waits for it any more
};

struct Granted {
    std::string operation;  // uid; empty: there was nothing to do
    std::shared_ptr<DomainView const> view;
};

struct Host {
    VersionFacts version;
    MachineFacts machine;
    std::uint64_t claimed = 0;
    std::size_t domains = 0;
};

struct EngineSettings {
    DeviceSettings devices;
    ImageSettings images;
    unsigned threads = 4, store_threads = 2, backend_threads = 2;
    std::chrono::milliseconds store_limit{20000};  // under emulation a loaded xenstored may take seconds
    std::chrono::nanoseconds held_limit = std::chrono::seconds{15};
    std::string boot = "";  // which start of the host this is
};

class Engine {
public:
    Engine(Hypervisor hypervisor, RecordStore records, EngineSettings settings);
    ~Engine() { stop(); }

    // Learns of all domains, and begins to bring them to where they are wanted.
    Result<> start();
    void stop();
    // From here on calls that wait are told that we end. What was wished stands.
    void announce_end();
    bool is_ending() const { return ending_.stop_requested(); }

    // The error's message begins with the step, not with the operation.
    Result<Granted> wish(Wish wish);
    Result<> cancel(std::string const& operation);

    Result<std::shared_ptr<DomainView const>> find(Selector const& target) const;
    std::shared_ptr<DomainView const> view(std::string const& uid) const { return views_.find(uid); }
    std::string console_socket(DomainView const& view) const { return devices_.socket_path(view.id().value_or(0)); }
    std::string console_log(DomainView const& view) const { return devices_.log_path(view.record.spec.name); }
    // Asks the supervisor and, if it answers, xenstored: for a thread that may wait.
    std::vector<DeviceReport> report_devices(DomainView const& view);

    Hub<DomainView>& domains() { return views_; }
    Hub<Event>& events() { return events_; }
    Operations& operations() { return operations_; }
    StoreLink& store() { return store_; }
    std::uint64_t later(std::chrono::nanoseconds delay, Executor::Task task) {
        return pool_.post_after(delay, std::move(task));
    }
    void not_later(std::uint64_t number) { pool_.take_back(number); }
    void on_store_thread(Executor::Task task) { store_pool_.post(std::move(task)); }
    void on_trial_thread(Executor::Task task) { trial_pool_.post(std::move(task)); }

    Result<std::vector<DomainInfo>> list() { return hypervisor_.sysctl.list_domains(); }
    bool guest_lives(std::string const& uid, std::uint16_t id);
    Result<Host> host();
    Result<VersionFacts> hypervisor_version() { return hypervisor_.version(); }
    Result<std::string> hypervisor_log(bool clear) { return hypervisor_.sysctl.read_console(clear); }

    // Looks at all domains, for ends and for domains of other tools.
    Result<> sweep();

private:
    struct Pending;  // an operation of a domain, and what makes it done
    struct Entry;
    using EntryRef = std::shared_ptr<Entry>;
    enum class Lane : std::uint8_t { main, store, build, backend };
    enum class Next : std::uint8_t { again, rest, to_store, to_build, to_backend };

    // Wishes: engine_wishes.cpp.
    Result<Granted> create(Wish& wish);
    Result<Granted> wish_for(EntryRef const& entry, Wish& wish);
    Result<Granted> wish_for_foreign(DomainView const& view, Wish const& wish);
    Result<> check(Entry const& entry, Wish const& wish) const;
    static Result<> check_device(Entry const& entry, Wish const& wish);
    Result<std::optional<Granted>> repeated(Entry& entry, Wish const& wish);
    Result<std::optional<Granted>> repeated_of_departed(Wish const& wish);
    Result<> check_free_name(std::string const& name) const;
    Request request_for(Record const& record, Wish const& wish) const;
    Granted begin(EntryRef const& entry, Wish const& wish, Request const& request);
    void recall(Record const& record, Request const& request);
    static Operation operation_of(Record const& record, Request const& request);
    static Pending pending_of(Entry const& entry, Request const& request);
    void resume(Entry& entry);
    Result<Record> with_wish(Entry const& entry, Wish& wish) const;

    // The strand: engine_turn.cpp.
    void wake(EntryRef const& entry);
    void wake_after(EntryRef const& entry, std::chrono::nanoseconds delay);
    void turn(EntryRef const& entry, Lane lane);
    Executor& pool_of(Lane lane);
    Next one_step(EntryRef const& entry, Lane lane);
    Result<Seen> look(Entry& entry, Record const& record);
    Result<> take(EntryRef const& entry, Record const& record, Step const& step);
    Next failed(EntryRef const& entry, Step const& step, Error error);
    Result<> build(EntryRef const& entry, Record const& record);
    Result<> write_corpse(Record const& record);
    Result<> ask(EntryRef const& entry, Record const& record);
    Next hold(EntryRef const& entry, Step const& step);

    // Its devices, on the strand: engine_devices.cpp.
    std::vector<SeenDevice> look_at_devices(Entry& entry, Record const& record);
    Result<> look_at_ends_of(Entry& entry, Record const& record, XenstoreClient& store);
    Result<> take_of_device(EntryRef const& entry, Record const& record, Step const& step);
    Result<> start_device(EntryRef const& entry, Record const& record, Device const& device);
    Error name_holder(Error error, Record const& record, Device const& device) const;

    // Records, views and operations of one domain; the entry's lock is held: engine_commit.cpp.
    Result<> commit(Entry& entry, Record next);
    void keep(Entry& entry);
    void publish(Entry& entry);
    void settle(EntryRef const& entry, Step const& step);
    enum class Settled : std::uint8_t { not_yet, done, unwritten };
    Settled settle_one(Entry& entry, Pending& pending, bool quiet);
    Settled settle_overdue(Entry& entry, Pending& pending);
    Result<> undo(Entry& entry, Pending& pending, Error error);
    Settled fail(Entry& entry, Pending const& pending, Error error);
    void finish(Entry& entry, Pending& pending);
    void retry_soon(Entry& entry);
    static bool is_attached(Entry const& entry, std::string const& id);
    void tell(EventKind kind, Record const& record, std::string reason = "", std::string message = "");
    Result<> forget(EntryRef const& entry);

    void name_foreign(DomainInfo const& info);
    EntryRef add(Record record);
    EntryRef find_entry(std::string const& uid) const;

    Hypervisor hypervisor_;
    RecordStore records_;
    EngineSettings settings_;
    Devices devices_;
    GuestMaker maker_;
    StoreLink store_;
    Hub<DomainView> views_;
    Hub<Event> events_;
    Operations operations_;
    mutable std::mutex mutex_;  // of the next two
    std::map<std::string, EntryRef> entries_;
    std::deque<Record>
        departed_;  // of domains that are no more: their requests may be repeated. The last to go is last
    std::mutex sweeping_;
    std::stop_source ending_;
    std::atomic<bool> stopping_ = false;
    Executor pool_, store_pool_, build_pool_, trial_pool_, backend_pool_;  // last: they are stopped first
};
}  // namespace paravane

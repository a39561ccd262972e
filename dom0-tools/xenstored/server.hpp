// SPDX-License-Identifier: MIT
// The store daemon without its transports: sessions, the tree they share, and what every request does. Single-threaded
// and pure but for the Platform: the same requests give the same replies and events.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "outcome.hpp"
#include "quota.hpp"
#include "session.hpp"
#include "store.hpp"
#include "watch.hpp"

namespace paravane::xenstored {
enum class DomainState : std::uint8_t { absent, running, shut_down, dying };

// What the store wants of the hypervisor and the rings.
class Platform {
public:
    virtual ~Platform() = default;
    virtual DomainState state_of(Domid domid) = 0;
    // Of all domains at once; nothing if the hypervisor does not say.
    virtual std::optional<std::map<Domid, DomainState>> domain_states() = 0;
    // Connects the session to the domain's ring.
    virtual Outcome<> connect(Session& session, std::uint32_t port) = 0;
    // The ring starts anew, on another event channel.
    virtual Outcome<> reconnect(Session& session, std::uint32_t port) = 0;
    virtual void disconnect(Session& session) = 0;
    virtual void log(std::string_view line) = 0;
};

// A domain the store has heard of. Those that were never introduced are here because a permission names them.
struct Domain {
    Generation born = 0;  // entries of older permission lists mean an earlier domain of that number
    Usage usage;          // nodes it owns
    Session* session = nullptr;
    bool shutdown_announced = false;
};

class Server {
public:
    explicit Server(Platform& platform, Limits limits = {});

    // Clients.
    Session& open_socket_session();
    void close_session(Session& session);
    Session* find_session(SessionId id);
    // Dom0's own ring, or another domain's without the INTRODUCE of a client.
    Outcome<> introduce(Domid domid, std::uint32_t port);

    // Answers up to `budget` of the requests that wait in the session's input. Says whether more could be answered at
    // once.
    bool serve(Session& session, unsigned budget, Time now);
    // Sessions that have something to do again since the last call: to send, or to take requests that were held back.
    std::vector<SessionId> take_sessions_with_work();
    // When a session that waits for credit may go on.
    std::optional<std::chrono::milliseconds> throttled_for(Session const& session) const;
    // Takes all that a client holds but the connection itself (its stream is broken, or begins anew).
    void reset_session(Session& session);
    void mark_dead(Session& session, std::string_view why);

    // Domains may have shut down or gone.
    void check_domains();

    Limits const& limits() const { return limits_; }
    NodeRef const& root() const { return root_; }
    Domain const* find_domain(Domid domid) const;
    std::size_t session_count() const { return sessions_.size(); }
    // Counts everything again from the tree; the reason if the accounts are wrong.
    std::optional<std::string> audit() const;

private:
    struct Reply {
        std::string payload;
        std::optional<std::pair<std::string, std::string>> event_after = std::nullopt;
    };
    struct Request {
        Session& session;
        std::string_view payload;
        Transaction& transaction;  // the client's, or one for this request alone
        std::uint32_t transaction_id;
    };
    using Handler = Outcome<Reply> (Server::*)(Request&);
    struct Operation {
        Handler handler = nullptr;
        bool ignores_transaction = false;
        bool needs_privilege = false;
    };
    static Operation operation_of(std::uint32_t type);
    static Reply ok() { return {std::string{"OK\0", 3}}; }

    void answer(Session& session, Message const& message);
    Outcome<Reply> perform(Session& session, Message const& message);
    Outcome<Reply> perform_in(Operation const& operation, Session& session, Message const& message, Transaction& tx);
    bool may_take_request(Session& session, Time now);
    bool must_hold_back(Session const& session) const;
    void charge(Session& session);

    // node_requests.cpp
    Outcome<Reply> do_directory(Request&);
    Outcome<Reply> do_directory_part(Request&);
    Outcome<Reply> do_read(Request&);
    Outcome<Reply> do_write(Request&);
    Outcome<Reply> do_mkdir(Request&);
    Outcome<Reply> do_rm(Request&);
    Outcome<Reply> do_get_perms(Request&);
    Outcome<Reply> do_set_perms(Request&);
    Outcome<std::string> path_of(Session const& session, std::optional<std::string_view> name) const;
    Outcome<NodeRef> get_node(Request& request, std::string_view path, Rights wanted);
    Outcome<> create_node(Request& request, std::string_view path, std::string_view value);
    Outcome<> check_size(Session const& session, Node const& node) const;
    Outcome<> check_memory(Request const& request, std::int64_t more) const;
    Outcome<Reply> set_special_permissions(Session const& session, std::string_view name, PermissionsRef permissions);

    // session_requests.cpp
    Outcome<Reply> do_watch(Request&);
    Outcome<Reply> do_unwatch(Request&);
    Outcome<Reply> do_reset_watches(Request&);
    Outcome<Reply> do_transaction_start(Request&);
    Outcome<Reply> do_transaction_end(Request&);

    // domain_requests.cpp
    Outcome<Reply> do_introduce(Request&);
    Outcome<Reply> do_release(Request&);
    Outcome<Reply> do_get_domain_path(Request&);
    Outcome<Reply> do_is_domain_introduced(Request&);
    Outcome<Reply> do_resume(Request&);
    Outcome<Reply> do_set_target(Request&);
    Outcome<Domain*> introduced_domain(std::optional<std::string_view> text);
    bool know(Domid domid);
    void forget_domain(Domid domid);
    void remove_nodes_of(Domid domid);

    // control.cpp
    Outcome<Reply> do_control(Request&);

    void commit(Transaction const& transaction, NodeRef root);
    void fire(Change const& change);
    void fire_special(std::string_view name);
    void send_event(Session& session, std::string_view path, std::string_view token);
    void note_output(Session& session);
    void bury_condemned();
    bool may_hear(Session const& session, Change const& change, NodeRef const* node, NodeRef const* parent) const;
    std::size_t memory_of(Session const& session) const;
    PermissionsRef* special_permissions(std::string_view name);

    // What the request at hand has cost so far.
    struct Bill {
        std::size_t nodes = 0;      // made, changed or removed
        std::size_t events = 0;     // sent
        std::size_t questions = 0;  // to the hypervisor
    };

    Platform& platform_;
    Limits limits_;
    NodeRef root_ = initial_tree();
    Generation generation_ = 1;
    Snapshots snapshots_;  // before the sessions, whose transactions it lists
    std::map<SessionId, std::unique_ptr<Session>> sessions_;
    SessionId next_session_ = 1;
    std::map<Domid, Domain> domains_;
    WatchIndex watches_;
    std::vector<SessionId> with_output_;
    std::set<SessionId> held_back_;  // clients that wait until dom0's kernel has read what its ring is to get
    Bill bill_;
    std::vector<SessionId> condemned_;  // clients that let too much pile up; gone once nobody iterates over watches
    PermissionsRef introduce_permissions_;
    PermissionsRef release_permissions_;
};
}  // namespace paravane::xenstored

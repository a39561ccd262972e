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

#include "archive.hpp"
#include "journal.hpp"
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
    virtual Outcome<RingPlace> connect(Session& session, std::uint32_t port) = 0;
    // The ring starts anew, on another event channel.
    virtual Outcome<RingPlace> reconnect(Session& session, std::uint32_t port) = 0;
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

    // From now on the journal has all that happens. If there is something in it, the server goes on from there.
    void keep_in(Journal& journal);
    // Shortens the journal if that is worth it.
    void tidy_journal();

    // Clients. What a function here does to the server is in the journal before it is done.
    Session& open_socket_session(std::uint64_t key = 0);
    void close_session(Session& session);
    std::uint64_t last_key() const { return last_key_; }  // of all sockets that ever were
    // Bytes came from it, or went to it.
    void feed(Session& session, std::span<std::byte const> bytes);
    void took(Session& session, std::size_t bytes);
    // Nobody reads it any longer.
    void drop_output(Session& session);
    template <class Visit>
    void for_each_session(Visit&& visit) {
        for (auto& [id, session] : sessions_) visit(*session);
    }
    Session* find_session(SessionId id);
    // Dom0's own ring, or another domain's without the INTRODUCE of a client.
    Outcome<> introduce(Domid domid, std::uint32_t port);

    // Answers up to `budget` of the requests that wait in the session's input. Says whether more could be answered at
    // once.
    bool serve(Session& session, unsigned budget, Time now);
    // Sessions that have something to do again since the last call: to send, or to take requests that were held back.
    std::vector<SessionId> take_sessions_with_work();
    // When a session that waits for credit may go on.
    std::optional<std::chrono::milliseconds> throttled_for(Session const& session, Time now) const;
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

    Session& add_session(ClientKind kind, Caller caller, std::string base_path);
    void end_session(Session& session);
    // Takes all that a client holds but the connection itself (its stream is broken, or begins anew).
    void reset_session(Session& session);
    void cut_off(Session& session, std::string_view why);
    void serve_one(Session& session, Time now);
    void answer(Session& session, Message const& message);
    Outcome<Reply> perform(Session& session, Message const& message);
    Outcome<Reply> perform_in(Operation const& operation, Session& session, Message const& message, Transaction& tx);
    bool may_take_request(Session const& session, Time now);
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
    Outcome<> connect_domain(Domid domid, std::uint32_t port);
    void find_changed_domains();
    void forget_domain(Domid domid);
    void remove_nodes_of(Domid domid);

    // control.cpp
    Outcome<Reply> do_control(Request&);

    // server_journal.cpp
    enum class Command : std::uint8_t {
        open,
        close,
        feed,
        took,
        drop_output,
        serve,
        cut_off,
        introduce,
        check,
        answer
    };
    Writer& begin_record(Command command, SessionId session = 0);
    void commit_record();
    void redo(Reader command);
    void leave_out(Reader command);
    // What the platform said when the command was carried out first, or says now.
    std::optional<Reader> noted_answer();
    void note_answer();
    // Said once, by the server that did it first.
    void log(std::string_view line) {
        if (!redoing_) platform_.log(line);
    }
    DomainState state_of(Domid domid);
    std::optional<std::map<Domid, DomainState>> domain_states();
    Outcome<> connect(Session& session, std::uint32_t port,
                      Outcome<RingPlace> (Platform::*how)(Session&, std::uint32_t));

    // server_state.cpp
    std::string saved() const;
    void load(std::string_view snapshot);
    static void save(Writer& to, Session const& session);
    void load_session(Reader& from);

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
    std::uint64_t last_key_ = 0;
    std::map<Domid, Domain> domains_;
    WatchIndex watches_;
    std::vector<SessionId> with_output_;
    std::set<SessionId> held_back_;  // clients that wait until dom0's kernel has read what its ring is to get
    Bill bill_;
    Journal* journal_ = nullptr;
    Writer record_;
    bool redoing_ = false;
    std::string_view left_to_redo_;
    std::vector<SessionId> condemned_;  // clients that let too much pile up; gone once nobody iterates over watches
    PermissionsRef introduce_permissions_;
    PermissionsRef release_permissions_;
};
}  // namespace paravane::xenstored

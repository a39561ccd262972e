// SPDX-License-Identifier: MIT
#include "server.hpp"

#include <algorithm>
#include <array>

namespace paravane::xenstored {
namespace {
// A dom0 process that leaves that much unread is cut off; events must not be lost, and memory must not fill.
constexpr std::size_t socket_backlog_limit = 16 * 1024 * 1024;
// A socket's requests wait while that much of its output does.
constexpr std::size_t socket_output_pause = 256 * 1024;
// The ring of dom0's kernel is never cut off. While that much waits to go through it, those whose requests may add to
// it wait instead: guests first, then the processes of dom0.
constexpr std::size_t kernel_backlog_for_guests = 256 * 1024;
constexpr std::size_t kernel_backlog_for_sockets = 1024 * 1024;

NodeRef const* parent_node(NodeRef const& root, std::string_view path) { return find(root, parent_of(path)); }
}  // namespace

Server::Server(Platform& platform, Limits limits) : platform_{platform}, limits_{limits} {
    auto only_dom0 = std::make_shared<Permissions const>(Permissions{{{dom0, Rights::none}}, 0});
    introduce_permissions_ = release_permissions_ = only_dom0;
    Domain& domain = domains_[dom0];
    for_each_below("/", root_, [&](std::string const& path, NodeRef const& node) {
        domain.usage += Usage{.nodes = 1, .memory = static_cast<std::int64_t>(memory_cost(*node, path))};
    });
}

Server::Operation Server::operation_of(std::uint32_t type) {
    static constexpr std::array<Operation, 23> operations = [] {
        std::array<Operation, 23> table{};
        auto set = [&](MessageType message, Operation operation) {
            table[static_cast<std::size_t>(message)] = operation;
        };
        set(MessageType::control, {.handler = &Server::do_control, .needs_privilege = true});
        set(MessageType::directory, {.handler = &Server::do_directory});
        set(MessageType::read, {.handler = &Server::do_read});
        set(MessageType::get_perms, {.handler = &Server::do_get_perms});
        set(MessageType::watch, {.handler = &Server::do_watch, .ignores_transaction = true});
        set(MessageType::unwatch, {.handler = &Server::do_unwatch, .ignores_transaction = true});
        set(MessageType::transaction_start, {.handler = &Server::do_transaction_start});
        set(MessageType::transaction_end, {.handler = &Server::do_transaction_end});
        set(MessageType::introduce, {.handler = &Server::do_introduce, .needs_privilege = true});
        set(MessageType::release, {.handler = &Server::do_release, .needs_privilege = true});
        set(MessageType::get_domain_path, {.handler = &Server::do_get_domain_path});
        set(MessageType::write, {.handler = &Server::do_write});
        set(MessageType::mkdir, {.handler = &Server::do_mkdir});
        set(MessageType::rm, {.handler = &Server::do_rm});
        set(MessageType::set_perms, {.handler = &Server::do_set_perms});
        set(MessageType::is_domain_introduced, {.handler = &Server::do_is_domain_introduced, .needs_privilege = true});
        set(MessageType::resume, {.handler = &Server::do_resume, .needs_privilege = true});
        set(MessageType::set_target, {.handler = &Server::do_set_target, .needs_privilege = true});
        set(MessageType::reset_watches, {.handler = &Server::do_reset_watches});
        set(MessageType::directory_part, {.handler = &Server::do_directory_part});
        return table;
    }();
    return type < operations.size() ? operations[type] : Operation{};
}

Session& Server::add_session(ClientKind kind, Caller caller, std::string base_path) {
    SessionId id = next_session_++;
    auto session = std::make_unique<Session>(Session{.id = id,
                                                     .kind = kind,
                                                     .caller = caller,
                                                     .base_path = std::move(base_path),
                                                     .input = {},
                                                     .output = {},
                                                     .transactions = {},
                                                     .credit = {}});
    return *sessions_.emplace(id, std::move(session)).first->second;
}

Session& Server::open_socket_session(std::uint64_t key) {
    begin_record(Command::open).number(key);
    commit_record();
    last_key_ = std::max(last_key_, key);
    Caller dom0_process{.self = {}, .privileged = true, .target = {}};
    Session& session = add_session(ClientKind::socket, dom0_process, "/local/domain/0");
    session.key = key;
    return session;
}

void Server::close_session(Session& session) {
    begin_record(Command::close, session.id);
    commit_record();
    end_session(session);
}

void Server::end_session(Session& session) {
    watches_.remove_all(session.id);
    sessions_.erase(session.id);
}

void Server::feed(Session& session, std::span<std::byte const> bytes) {
    begin_record(Command::feed, session.id).text({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
    commit_record();
    session.place.requests += static_cast<std::uint32_t>(bytes.size());
    session.input.feed(bytes);
}

void Server::took(Session& session, std::size_t bytes) {
    begin_record(Command::took, session.id).number(bytes);
    commit_record();
    session.place.replies += static_cast<std::uint32_t>(bytes);
    session.output.take(bytes);
}

void Server::drop_output(Session& session) {
    begin_record(Command::drop_output, session.id);
    commit_record();
    session.output.clear();
}

Session* Server::find_session(SessionId id) {
    auto known = sessions_.find(id);
    return known == sessions_.end() ? nullptr : known->second.get();
}

void Server::reset_session(Session& session) {
    watches_.remove_all(session.id);
    session.transactions.clear();
    session.input.reset();
    session.output.clear();
}

void Server::mark_dead(Session& session, std::string_view why) {
    if (session.dead) return;
    begin_record(Command::cut_off, session.id).text(why);
    commit_record();
    cut_off(session, why);
}

void Server::cut_off(Session& session, std::string_view why) {
    if (session.dead) return;
    reset_session(session);
    session.dead = true;
    std::string who = session.kind == ClientKind::ring ? "domain " + std::to_string(session.caller.self.domid)
                                                       : "socket client " + std::to_string(session.id);
    log(who + " is served no longer: " + std::string{why});
}

bool Server::must_hold_back(Session const& session) const {
    Domain const* kernel = find_domain(dom0);
    if (kernel == nullptr || kernel->session == nullptr || kernel->session == &session) return false;
    std::size_t limit = session.caller.privileged ? kernel_backlog_for_sockets : kernel_backlog_for_guests;
    return kernel->session->output.bytes() > limit;
}

bool Server::may_take_request(Session const& session, Time now) {
    if (session.dead) return false;
    if (must_hold_back(session)) {
        held_back_.insert(session.id);
        return false;
    }
    if (session.caller.privileged) return session.output.bytes() < socket_output_pause;
    return session.output.replies() < limits_.outstanding && !session.credit.is_exhausted(now);
}

std::optional<std::chrono::milliseconds> Server::throttled_for(Session const& session, Time now) const {
    if (session.dead || session.caller.privileged || !session.input.has_message()) return std::nullopt;
    if (session.output.replies() >= limits_.outstanding || held_back_.contains(session.id)) return std::nullopt;
    return session.credit.wait(now);
}

bool Server::serve(Session& session, unsigned budget, Time now) {
    while (budget > 0 && session.input.has_message() && may_take_request(session, now)) {
        begin_record(Command::serve, session.id).number(static_cast<std::uint64_t>(now.time_since_epoch().count()));
        commit_record();
        serve_one(session, now);
        --budget;
    }
    if (session.input.broken() && !session.input.has_message()) {
        mark_dead(session, "a message is longer than 4096 bytes");
    }
    return session.input.has_message() && may_take_request(session, now);
}

void Server::serve_one(Session& session, Time now) {
    session.credit.refill(now);
    if (std::optional<Message> message = session.input.next()) answer(session, *message);
    bury_condemned();
}

void Server::charge(Session& session) {
    Bill const bill = std::exchange(bill_, {});
    double work = static_cast<double>(bill.nodes + bill.questions) + static_cast<double>(bill.events) * Credit::look;
    if (bill.nodes == 0) work += Credit::look;
    if (session.is_unprivileged()) session.credit.spend(work);
}

void Server::answer(Session& session, Message const& message) {
    bill_ = {};
    Outcome<Reply> outcome = perform(session, message);
    charge(session);
    if (outcome && outcome->payload.size() > max_payload) outcome = Errno::toobig;
    if (!outcome) {
        std::string name{name_of(outcome.error())};
        session.output.push_reply(MessageType::error, message.header, std::string_view{name.c_str(), name.size() + 1});
        note_output(session);
        return;
    }
    note_output(session);
    session.output.push_reply(static_cast<MessageType>(message.header.type), message.header, outcome->payload);
    if (outcome->event_after) send_event(session, outcome->event_after->first, outcome->event_after->second);
}

Outcome<Server::Reply> Server::perform(Session& session, Message const& message) {
    Operation operation = operation_of(message.header.type);
    if (operation.handler == nullptr) return Errno::nosys;
    if (operation.needs_privilege && session.is_unprivileged()) return Errno::acces;

    std::uint32_t id = operation.ignores_transaction ? 0 : message.header.tx_id;
    if (id == 0) {
        Transaction alone{root_, generation_, Tracking::off};
        Outcome<Reply> outcome = perform_in(operation, session, message, alone);
        if (outcome && alone.has_changes()) {
            bill_.nodes += alone.work();
            NodeRef root = alone.merged_into(root_, generation_);
            commit(alone, std::move(root));
        }
        return outcome;
    }

    auto known = session.transactions.find(id);
    if (known == session.transactions.end()) return Errno::noent;
    Transaction& transaction = known->second;
    bool ends_it = message.header.type == static_cast<std::uint32_t>(MessageType::transaction_end);
    if (transaction.is_doomed() && !ends_it) {
        Transaction swallowed{root_, generation_, Tracking::off};
        return perform_in(operation, session, message, swallowed);
    }
    std::size_t const work_before = ends_it ? 0 : transaction.work();
    Outcome<Reply> outcome = perform_in(operation, session, message, transaction);
    if (!ends_it && session.transactions.contains(id)) bill_.nodes += transaction.work() - work_before;
    if (ends_it || session.caller.privileged || !session.transactions.contains(id)) return outcome;
    bool too_many = transaction.touched() > limits_.transaction_nodes;
    if (too_many || memory_of(session) > limits_.memory) {
        transaction.fail();
        return too_many ? Errno::nospc : Errno::nomem;
    }
    return outcome;
}

Outcome<Server::Reply> Server::perform_in(Operation const& operation, Session& session, Message const& message,
                                          Transaction& tx) {
    Request request{session, message.payload, tx, operation.ignores_transaction ? 0 : message.header.tx_id};
    return (this->*operation.handler)(request);
}

// The changes become the store: owners are charged, watches told.
void Server::commit(Transaction const& transaction, NodeRef root) {
    root_ = std::move(root);
    for (auto const& [domid, usage] : transaction.usage()) domains_[domid].usage += usage;
    for (Change const& change : transaction.changes()) fire(change);
    snapshots_.note_replaced(transaction.replaced(), generation_);
}

void Server::fire(Change const& change) {
    NodeRef const* node = find(root_, change.path);
    NodeRef const* parent = parent_node(root_, change.path);
    watches_.for_each_match(change.path, change.scope, [&](SessionId id, Watch const& watch) {
        Session* session = find_session(id);
        if (session == nullptr || !may_hear(*session, change, node, parent)) return;
        send_event(*session, watch.path_for_client(change.path), watch.token);
    });
}

// A client hears of a node that it can read or could, or whose name it can read in the parent's list.
bool Server::may_hear(Session const& session, Change const& change, NodeRef const* node, NodeRef const* parent) const {
    if (session.caller.privileged) return true;
    auto readable = [&](PermissionsRef const& permissions) {
        return permissions != nullptr && includes(rights_of(session.caller, *permissions), Rights::read);
    };
    return readable(change.before) || readable(change.parent_before) ||
           (node != nullptr && readable((*node)->permissions)) ||
           (parent != nullptr && readable((*parent)->permissions));
}

PermissionsRef* Server::special_permissions(std::string_view name) {
    if (name == "@introduceDomain") return &introduce_permissions_;
    if (name == "@releaseDomain") return &release_permissions_;
    return nullptr;
}

void Server::fire_special(std::string_view name) {
    PermissionsRef const permissions = *special_permissions(name);
    watches_.for_each_match(name, Scope::exact, [&](SessionId id, Watch const& watch) {
        Session* session = find_session(id);
        if (session == nullptr || !includes(rights_of(session->caller, *permissions), Rights::read)) return;
        send_event(*session, name, watch.token);
    });
}

void Server::send_event(Session& session, std::string_view path, std::string_view token) {
    if (session.dead) return;
    ++bill_.events;
    if (session.is_unprivileged()) {
        // Lost for a domain that does not read its ring: the quota is there to be kept.
        if (memory_of(session) + path.size() + token.size() > limits_.memory) return;
    } else if (session.kind == ClientKind::socket && session.output.bytes() > socket_backlog_limit) {
        condemned_.push_back(session.id);
        return;
    }
    session.output.push_event(path, token);
    note_output(session);
}

void Server::note_output(Session& session) {
    if (std::exchange(session.output_noted, true)) return;
    with_output_.push_back(session.id);
}

void Server::bury_condemned() {
    for (SessionId id : std::exchange(condemned_, {})) {
        if (Session* session = find_session(id)) {
            cut_off(*session, "it does not read its replies and events");
            note_output(*session);  // so that its transport looks at it
        }
    }
}

std::vector<SessionId> Server::take_sessions_with_work() {
    for (SessionId id : with_output_) {
        if (Session* session = find_session(id)) session->output_noted = false;
    }
    std::vector<SessionId> sessions = std::exchange(with_output_, {});
    std::erase_if(held_back_, [&](SessionId id) {
        Session* session = find_session(id);
        bool waits_on = session != nullptr && must_hold_back(*session);
        if (session != nullptr && !waits_on) sessions.push_back(id);
        return !waits_on;
    });
    return sessions;
}

std::size_t Server::memory_of(Session const& session) const {
    std::size_t memory = session.output.bytes() + watches_.memory(session.id);
    for (auto const& [id, transaction] : session.transactions) memory += transaction.memory();
    Domain const* domain = find_domain(session.caller.self.domid);
    if (domain != nullptr) memory += static_cast<std::size_t>(std::max<std::int64_t>(domain->usage.memory, 0));
    return memory;
}

Domain const* Server::find_domain(Domid domid) const {
    auto known = domains_.find(domid);
    return known == domains_.end() ? nullptr : &known->second;
}

std::optional<std::string> Server::audit() const {
    std::map<Domid, Usage> counted;
    for_each_below("/", root_, [&](std::string const& path, NodeRef const& node) {
        auto cost = static_cast<std::int64_t>(memory_cost(*node, path));
        counted[node->permissions->owner()] += Usage{.nodes = 1, .memory = cost};
    });
    for (auto const& [domid, domain] : domains_) {
        Usage const& real = counted[domid];
        if (real.nodes != domain.usage.nodes || real.memory != domain.usage.memory) {
            return "domain " + std::to_string(domid) + " is charged for " + std::to_string(domain.usage.nodes) +
                   " nodes and " + std::to_string(domain.usage.memory) + " bytes, but owns " +
                   std::to_string(real.nodes) + " and " + std::to_string(real.memory);
        }
    }
    for (auto const& [domid, usage] : counted) {
        if (!domains_.contains(domid)) return "nodes belong to unknown domain " + std::to_string(domid);
    }
    return std::nullopt;
}
}  // namespace paravane::xenstored

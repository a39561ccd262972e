// SPDX-License-Identifier: MIT
// The server's commands in the journal: each is written there before it is carried out. The same commands on the same
// state give the same replies, events and state, so whoever comes after does them again and goes on. What the
// platform answers in the course of a command is noted behind it.
#include "server.hpp"

namespace paravane::xenstored {
namespace {
// A command that ended several processes in a row would end all that follow.
constexpr std::uint64_t most_ends = 3;
}  // namespace

Writer& Server::begin_record(Command command, SessionId session) {
    record_.clear();
    record_.number(static_cast<std::uint64_t>(command));
    record_.number(session);
    return record_;
}

void Server::commit_record() {
    if (journal_ != nullptr && !redoing_) journal_->append(record_.bytes());
}

void Server::keep_in(Journal& journal) {
    journal_ = &journal;
    if (journal.is_fresh()) {
        journal.start_anew(saved());
        return;
    }
    journal.count_end();
    load(journal.snapshot());
    redoing_ = true;
    bool left_out = false;
    left_to_redo_ = journal.log();
    for (std::uint64_t place = 1; !left_to_redo_.empty(); place = 1 + journal.log().size() - left_to_redo_.size()) {
        Reader command{Journal::take_record(left_to_redo_).value()};
        if (journal.ended_by(place) >= most_ends) {
            leave_out(command);
            left_out = true;
            continue;
        }
        journal.begin(place);
        redo(command);
    }
    redoing_ = false;
    journal.finish();
    if (left_out) journal.start_anew(saved());
}

void Server::tidy_journal() {
    if (journal_ != nullptr && journal_->wants_snapshot()) journal_->start_anew(saved());
}

void Server::redo(Reader command) {
    auto const what = static_cast<Command>(command.number<std::uint8_t>());
    SessionId const id = command.number();
    switch (what) {
        case Command::open: open_socket_session(command.number()); return;
        case Command::check: check_domains(); return;
        case Command::answer: return;  // its command was left out
        case Command::introduce: {
            auto domid = command.number<Domid>();
            static_cast<void>(introduce(domid, command.number<std::uint32_t>()));
            return;
        }
        default: break;
    }
    Session* session = find_session(id);
    if (session == nullptr) throw BrokenArchive{};
    switch (what) {
        case Command::close: close_session(*session); return;
        case Command::feed: feed(*session, std::as_bytes(std::span{command.text()})); return;
        case Command::took: took(*session, command.number<std::size_t>()); return;
        case Command::drop_output: drop_output(*session); return;
        case Command::cut_off: mark_dead(*session, command.text()); return;
        case Command::serve:
            serve_one(*session, Time{Time::duration{static_cast<Time::rep>(command.number())}});
            return;
        default: throw BrokenArchive{};
    }
}

void Server::leave_out(Reader command) {
    auto const what = static_cast<Command>(command.number<std::uint8_t>());
    if (what == Command::answer) return;
    platform_.log("a command ends whoever carries it out, and is left out");
    if (Session* session = find_session(command.number())) cut_off(*session, "its request cannot be carried out");
}

std::optional<Reader> Server::noted_answer() {
    if (!redoing_) return std::nullopt;
    // The last command may have been cut off before the platform was asked: then it is asked now.
    std::optional<std::string_view> record = Journal::take_record(left_to_redo_);
    if (!record) return std::nullopt;
    Reader answer{*record};
    if (static_cast<Command>(answer.number<std::uint8_t>()) != Command::answer) throw BrokenArchive{};
    answer.number();
    return answer;
}

void Server::note_answer() {
    if (journal_ != nullptr) journal_->append(record_.bytes());
}

DomainState Server::state_of(Domid domid) {
    if (std::optional<Reader> noted = noted_answer()) return static_cast<DomainState>(noted->number<std::uint8_t>());
    DomainState const state = platform_.state_of(domid);
    begin_record(Command::answer).number(static_cast<std::uint64_t>(state));
    note_answer();
    return state;
}

std::optional<std::map<Domid, DomainState>> Server::domain_states() {
    std::map<Domid, DomainState> states;
    if (std::optional<Reader> noted = noted_answer()) {
        if (!noted->flag()) return std::nullopt;
        while (!noted->at_end()) {
            auto domid = noted->number<Domid>();
            states[domid] = static_cast<DomainState>(noted->number<std::uint8_t>());
        }
        return states;
    }
    std::optional<std::map<Domid, DomainState>> const known = platform_.domain_states();
    Writer& answer = begin_record(Command::answer);
    answer.number(known ? 1 : 0);
    // Of those that concern nobody here there is nothing to note.
    for (auto const& [domid, domain] : domains_) {
        if (!known || !known->contains(domid)) continue;
        states[domid] = known->at(domid);
        answer.number(domid);
        answer.number(static_cast<std::uint64_t>(states[domid]));
    }
    note_answer();
    return known ? std::optional{std::move(states)} : std::nullopt;
}

Outcome<> Server::connect(Session& session, std::uint32_t port,
                          Outcome<RingPlace> (Platform::*how)(Session&, std::uint32_t)) {
    session.port = port;
    session.place = {};
    if (std::optional<Reader> noted = noted_answer()) {
        if (auto error = static_cast<Errno>(noted->number()); error != Errno::ok) return error;
        session.place.requests = noted->number<std::uint32_t>();
        session.place.replies = noted->number<std::uint32_t>();
        return {};
    }
    Outcome<RingPlace> place = (platform_.*how)(session, port);
    Writer& answer = begin_record(Command::answer);
    answer.number(place ? 0 : static_cast<std::uint64_t>(place.error()));
    if (place) {
        session.place = *place;
        answer.number(place->requests);
        answer.number(place->replies);
    }
    note_answer();
    if (!place) return place.error();
    return {};
}
}  // namespace paravane::xenstored

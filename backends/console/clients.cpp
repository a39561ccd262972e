// SPDX-License-Identifier: MIT
#include "console/clients.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace paravane::console {
Clients::Clients(EventLoop& loop, OwnedFd listener, Log<> const& log, Typed<>& typed, std::function<void()> on_typed)
    : loop_{loop}, listener_{std::move(listener)}, log_{log}, typed_{typed}, on_typed_{std::move(on_typed)} {}

Clients::~Clients() {
    for (Client const& client : clients_) loop_.remove(client.socket.get());
    if (listener_) loop_.remove(listener_.get());
}

Result<> Clients::start(std::uint64_t end) {
    end_ = end;
    return loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
}

void Clients::accept_one() {
    OwnedFd socket{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) return;
    if (clients_.size() == most) {
        send(socket.get(), {.what = Tells::refused, .yours = 0, .position = end_});
        return;
    }
    Client newcomer;
    newcomer.socket = std::move(socket);
    newcomer.watched = EPOLLIN;
    Place client = clients_.insert(clients_.end(), std::move(newcomer));
    auto callback = [this, client](std::uint32_t events) { serve(client, events); };
    if (!loop_.add(client->socket.get(), EPOLLIN, callback)) clients_.erase(client);
}

void Clients::serve(Place client, std::uint32_t events) {
    bool alive = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        // What was typed before it went is not lost, within bounds.
        while (typed_.waiting().size() < Typed<>::most && receive(*client) == Received::record) {}
        alive = false;
    } else if ((events & EPOLLIN) != 0) {
        alive = receive(*client) != Received::nonsense;
    }
    if (alive && (events & EPOLLOUT) != 0) alive = catch_up(*client);
    if (!alive) drop(client);
    look_after_all();
}

Clients::Received Clients::receive(Client& client) {
    char record[longest_record];
    // One that went with something unread makes the first receive fail; what it typed comes after that.
    ssize_t count;
    do { count = recv(client.socket.get(), record, sizeof record, 0); } while (count < 0 && errno == ECONNRESET);
    if (count < 0) return Received::nothing;
    if (count == 0) {
        client.silent = true;
        client.typist = 0;
        client.types = false;
        return Received::nothing;
    }
    std::string_view const text{record, static_cast<std::size_t>(count)};
    if (!client.greeted) return greet(client, text);
    if (may_type(client)) {
        client.types = true;
        typed_.begin(client.typist);
        typed_.add(text);
        on_typed_();
    }
    return Received::record;
}

Clients::Received Clients::greet(Client& client, std::string_view record) {
    Hello hello;
    if (record.size() != sizeof hello) return Received::nonsense;
    std::memcpy(&hello, record.data(), sizeof hello);
    if (hello.version != version) return Received::nonsense;
    client.greeted = true;
    client.typist = hello.typist;
    // It typed when the process before this one was killed.
    client.types = typed_.has_begun(client.typist) && std::ranges::none_of(clients_, &Client::types);
    std::uint64_t const from = hello.from == recent ? end_ - std::min(end_, history) : std::min(hello.from, end_);
    client.position = std::max(from, oldest());
    Heading const first{.what = Tells::begins, .yours = 0, .position = client.position};
    return send(client.socket.get(), first) == Sent::yes ? Received::record : Received::nonsense;
}

// What stood in the log before this guest, before position 0, is not its history.
std::uint64_t Clients::oldest() const {
    auto const kept = static_cast<std::int64_t>(log_.oldest());
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(kept, 0)), end_);
}

// Who has begun to, or anybody who wants to while nobody has.
bool Clients::may_type(Client const& client) const {
    return client.types || (client.typist != 0 && std::ranges::none_of(clients_, &Client::types));
}

Clients::Sent Clients::send(int socket, Heading heading, std::string_view text) {
    iovec parts[] = {{&heading, sizeof heading}, {const_cast<char*>(text.data()), text.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = std::size(parts);
    while (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EAGAIN || errno == ENOBUFS) return Sent::later;
        if (errno != EINTR) return Sent::never;
    }
    return Sent::yes;
}

Clients::Word Clients::word_for(Client const& client) const {
    if (client.typist == 0) return client.told;
    return may_type(client) ? Word{Tells::may_type, typed_.of(client.typist)} : Word{Tells::may_not, {}};
}

bool Clients::has_heard_all(Client const& client) const {
    return client.position == end_ && !farewell_ && client.told == word_for(client);
}

bool Clients::catch_up(Client& client) {
    if (!client.greeted) return true;
    int const socket = client.socket.get();
    if (Word const word = word_for(client); client.told != word) {
        Sent const sent = send(socket, {word.what, word.progress.yours, word.progress.given});
        if (sent != Sent::yes) return sent == Sent::later;
        client.told = word;
    }
    client.position = std::max(client.position, oldest());  // too slow: it has lost something
    while (client.position < end_) {
        char piece[longest_record];
        std::string_view const text = log_.read(client.position, end_, piece);
        if (text.empty()) {
            client.position = end_;  // it never came to the log
            break;
        }
        Sent const sent = send(socket, {Tells::output, 0, client.position}, text);
        if (sent != Sent::yes) return sent == Sent::later;
        client.position += text.size();
    }
    return !farewell_ || send(socket, {Tells::ended, 0, end_}) == Sent::later;
}

void Clients::show(std::string_view text, std::uint64_t end) {
    std::uint64_t const begin = std::exchange(end_, end);
    for (Client& client : clients_) {
        if (client.greeted && client.position == begin &&
            send(client.socket.get(), {Tells::output, 0, begin}, text) == Sent::yes)
            client.position = end;
    }
    look_after_all();
}

void Clients::guest_took_input() {
    for (Client& client : clients_) watch(client);
}

bool Clients::say_farewell() {
    farewell_ = true;
    look_after_all();
    return clients_.empty();
}

void Clients::look_after_all() {
    for (Place client = clients_.begin(); client != clients_.end();) {
        Place const next = std::next(client);
        bool const waits = (client->watched & EPOLLOUT) != 0;  // it has not read what it was sent
        if (!waits && !catch_up(*client)) drop(client);
        else watch(*client);
        client = next;
    }
}

void Clients::watch(Client& client) {
    bool const must_wait = may_type(client) && typed_.waiting().size() >= Typed<>::ahead;
    bool const lacks = client.greeted && !has_heard_all(client);
    std::uint32_t const events = (client.silent || must_wait ? 0u : EPOLLIN) | (lacks ? EPOLLOUT : 0u);
    if (events == client.watched) return;
    client.watched = events;
    (void)static_cast<bool>(loop_.change(client.socket.get(), events));
}

void Clients::drop(Place client) {
    loop_.remove(client->socket.get());
    clients_.erase(client);
}
}  // namespace paravane::console

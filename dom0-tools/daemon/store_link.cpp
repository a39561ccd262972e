// SPDX-License-Identifier: MIT
#include "daemon/store_link.hpp"

#include <sys/socket.h>

#include <optional>

#include "os/log.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;

constexpr auto stop_check = 250ms;
constexpr auto ask_every = 2s;
}  // namespace

Result<XenstoreClient> StoreLink::connect() const {
    XenstoreClient store = TRY(XenstoreClient::connect());
    timeval limit{.tv_sec = limit_.count() / 1000, .tv_usec = limit_.count() % 1000 * 1000};
    setsockopt(store.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(store.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return store;
}

Result<> StoreLink::with_client(std::function<Result<>(XenstoreClient&)> const& work) {
    auto tell = [&](Result<> done) {
        if (!done && done.error().kind == ErrorKind::unavailable) answers_ = false;
        return done;
    };
    if (!answers_) return Error{"", "xenstored does not answer", ErrorKind::unavailable};
    Result<XenstoreClient> store = connect();
    if (!store) return tell(std::move(store).error());
    return tell(work(*store));
}

Result<> StoreLink::with_nodes(std::function<Result<>(DomainNodes&)> const& work) {
    return with_client([&](XenstoreClient& store) {
        DomainNodes nodes{std::move(store)};
        return work(nodes);
    });
}

void StoreLink::start(Listener listener) {
    thread_ = std::jthread{[this, heard = std::move(listener)](std::stop_token const& stop) { run(stop, heard); }};
}

void StoreLink::run(std::stop_token const& stop, Listener const& listener) {
    bool told = false;
    while (!stop.stop_requested()) {
        Result<XenstoreClient> store = connect();
        Result<> followed = store ? follow(stop, *store, listener) : Result<>{std::move(store).error()};
        bool was_there = answers_.exchange(false);
        if (stop.stop_requested()) return;
        if (was_there || !told) log::error("xenstored: " + followed.error().message());
        told = true;
        std::this_thread::sleep_for(stop_check);
    }
}

// As long as it answers; ends with why it does not.
Result<> StoreLink::follow(std::stop_token const& stop, XenstoreClient& store, Listener const& listener) {
    TRY(store.watch("@releaseDomain", "ends"));
    answers_ = true;
    ++epoch_;
    listener.back();
    auto asked = std::chrono::steady_clock::now();
    while (!stop.stop_requested()) {
        std::optional<WatchEvent> event = TRY(store.next_event(stop_check));
        if (event) listener.ends();
        // Somebody's request went without an answer, or it is time to see.
        if (answers_ && std::chrono::steady_clock::now() - asked < ask_every) continue;
        TRY(store.read_if_there("/local"));
        asked = std::chrono::steady_clock::now();
        if (!answers_.exchange(true)) listener.back();
    }
    return {};
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "holder.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "os/ending_signals.hpp"
#include "os/log.hpp"

namespace paravane::xenstored {
namespace {
using namespace std::chrono_literals;

constexpr auto long_life = 1s;
constexpr auto shortest_pause = 10ms;
constexpr unsigned most_doublings = 6;
}  // namespace

Result<> Holder::run(std::function<Result<>()> const& on_ready) {
    OwnedFd signals = TRY(receive_ending_signals({SIGTERM, SIGINT}));
    TRY(start_server());
    for (;;) {
        Result<bool> go_on = wait_and_act(signals.get(), on_ready);
        if (go_on && *go_on) continue;
        if (server_) { server_->end(); }
        if (!go_on) return std::move(go_on).error();
        return {};
    }
}

Result<> Holder::start_server() {
    auto [ours, its] = TRY(Channel::make());
    channel_ = std::move(ours);
    started_ = Clock::now();
    handed_over_ = last_key_;
    // In the other process all that we have is there too, and goes to the server.
    server_.emplace(TRY(Child::twin([&, channel = &its] {
        channel_ = Channel{};
        return serve_(Held{std::move(*channel), std::move(clients_)}, memory_);
    })));
    return {};
}

Result<> Holder::on_server_end() {
    std::string const how = how_it_ended(server_->end());
    server_.reset();
    if (!was_ready_) return Error{"start", "the server ended with " + how};
    auto now = Clock::now();
    short_lives_ = now - started_ < long_life ? short_lives_ + 1 : 0;
    auto pause = short_lives_ == 0 ? 0ms : shortest_pause * (1 << std::min(short_lives_ - 1, most_doublings));
    start_at_ = now + pause;
    log::error("the server ended with " + how + "; the next one goes on in " + std::to_string(pause.count()) + " ms");
    return {};
}

Result<> Holder::on_messages(std::function<Result<>()> const& on_ready) {
    for (;;) {
        Result<std::optional<Channel::Message>> message = channel_.receive();
        if (!message || !*message) return {};  // that the server is gone is said elsewhere
        std::uint64_t const key = (*message)->key;
        if (key == Channel::ready) {
            if (!std::exchange(was_ready_, true)) TRY(on_ready());
        } else {
            clients_.erase(key);
            accepting_ = true;
        }
    }
}

void Holder::accept_client() {
    Result<OwnedFd> accepted = listener_.accept();
    if (!accepted) {
        // Most likely out of descriptors: the listener would stay readable, so it waits for a connection to end.
        log::error(accepted.error().message());
        accepting_ = false;
    } else if (*accepted) {
        clients_.emplace(++last_key_, *std::move(accepted));
        hand_over();
    }
}

void Holder::hand_over() {
    for (auto at = clients_.upper_bound(handed_over_); at != clients_.end(); ++at) {
        Result<bool> sent = channel_.try_send(at->first, at->second.get());
        if (!sent || !*sent) return;  // a server that is gone is given all at its start
        handed_over_ = at->first;
    }
}

// One step; false when it is time to end.
Result<bool> Holder::wait_and_act(int signals, std::function<Result<>()> const& on_ready) {
    bool const waiting_to_go = clients_.upper_bound(handed_over_) != clients_.end();
    auto events_of = [](bool wanted, short events) { return wanted ? events : short{0}; };
    std::array<pollfd, 4> waits{{
        {.fd = signals, .events = POLLIN, .revents = 0},
        {.fd = server_ ? server_->fd() : -1, .events = POLLIN, .revents = 0},
        {.fd = server_ ? channel_.fd() : -1,
         .events = static_cast<short>(POLLIN | events_of(waiting_to_go, POLLOUT)),
         .revents = 0},
        {.fd = accepting_ && !waiting_to_go ? listener_.fd() : -1, .events = POLLIN, .revents = 0},
    }};
    auto left = std::chrono::ceil<std::chrono::milliseconds>(start_at_ - Clock::now()).count();
    int const limit = server_ ? -1 : static_cast<int>(std::max<std::int64_t>(left, 0));
    if (poll(waits.data(), waits.size(), limit) < 0 && errno != EINTR) return Error::from_errno("wait");
    auto [signal, end, channel, listener] = waits;
    if (signal.revents != 0) return false;
    if (channel.revents & POLLIN) TRY(on_messages(on_ready));
    if (channel.revents & POLLOUT) hand_over();
    if (end.revents != 0) TRY(on_server_end());
    if (listener.revents != 0) accept_client();
    if (!server_ && Clock::now() >= start_at_) TRY(start_server());
    return true;
}
}  // namespace paravane::xenstored

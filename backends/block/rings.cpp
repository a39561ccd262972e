// SPDX-License-Identifier: MIT
#include "block/rings.hpp"

#include <poll.h>

namespace paravane::block {
using namespace std::chrono_literals;
using hv::ring::Stores;

namespace {
constexpr Clock::duration try_again = 10ms;
}  // namespace

Result<> Rings::connect(Connection const& connection) {
    Stores::word(kept_.is_connected, 0);
    kept_.connection = connection;
    std::size_t const size = connection.ring_pages * std::size_t{page_size};
    std::uint32_t const entries = abi::io::ring_entries<blkif::Request, blkif::Response>(size);
    for (std::uint32_t i = 0; i < connection.queues; ++i) {
        auto& journal = kept_.journal[i];
        journal.at = {};
        for (std::uint32_t entry = 0; entry < entries; ++entry)
            journal.entries[entry].taken_as = journal.entries[entry].answered_as = 0;
    }
    Result<> taken = take_up();
    if (taken) Stores::word(kept_.is_connected, 1);
    else let_go();
    return taken;
}

Result<> Rings::take_up() {
    Connection const& connection = kept_.connection;
    if (connection.queues > most_queues || connection.ring_pages > most_ring_pages)
        return Error{"", "the journal makes no sense", ErrorKind::precondition};
    disk_.geometry = TRY(disk_.storage.look());
    disk_.persistent = connection.persistent != 0 ? &persistent_.emplace(pages_, most_mapped) : nullptr;
    for (std::uint32_t i = 0; i < connection.queues; ++i) {
        Connection::Queue const& chosen = connection.queue[i];
        MappedGrants ring = TRY(pages_.device().map(std::span{chosen.refs}.first(connection.ring_pages)));
        XenEvtchn::Port const port = TRY(evtchn_.bind_interdomain(domid_, chosen.port));
        queues_.push_back(std::make_unique<Queue>(std::move(ring), port, disk_, kept_.journal[i]));
        queues_.back()->server.resume();
    }
    // Whatever came before we were bound raised no event for us, nor was it told of what the process before answered.
    for (auto const& queue : queues_) (void)static_cast<bool>(evtchn_.notify(queue->port));
    return {};
}

void Rings::let_go() {
    drain();
    answer();
    for (auto const& queue : queues_) (void)static_cast<bool>(evtchn_.unbind(queue->port));
    queues_.clear();
    persistent_.reset();
    disk_.persistent = nullptr;
}

void Rings::disconnect() {
    let_go();
    Stores::word(kept_.is_connected, 0);
}

// The storage has memory of ours, and of the guest's.
void Rings::drain() {
    for (;;) {
        while (take_done() != 0) {}
        std::size_t left = 0;
        for (auto const& queue : queues_) left += queue->server.in_storage();
        if (left == 0) return;
        Result<bool> const pushed = disk_.storage.push();
        if (!pushed) return;
        pollfd done{.fd = disk_.storage.fd(), .events = POLLIN, .revents = 0};
        poll(&done, 1,
             *pushed ? -1 : static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(try_again).count()));
    }
}

Result<> Rings::take_events() {
    for (;;) {
        std::optional<XenEvtchn::Port> const pending = TRY(evtchn_.pending());
        if (!pending) return {};
        for (auto const& queue : queues_) queue->is_masked = queue->is_masked || queue->port == *pending;
    }
}

std::size_t Rings::take_done() {
    std::size_t count = 0;
    while (std::optional<Done> const done = disk_.storage.next_done()) {
        static_cast<Work*>(done->transfer)->ring->complete(*done->transfer, done->okay);
        ++count;
    }
    return count;
}

// The guest may be gone by now: that is not for us to complain about.
void Rings::answer() {
    for (auto const& queue : queues_)
        if (queue->server.push()) (void)static_cast<bool>(evtchn_.notify(queue->port));
}

Result<Rings::Pace> Rings::serve() {
    Pace pace;
    for (int round = 0; round < rounds; ++round) {
        Clock::time_point const now = Clock::now();
        pace = {};
        for (auto const& queue : queues_) {
            switch (queue->server.serve(now)) {
                case RingServer<>::Look::idle:
                    if (std::exchange(queue->is_masked, false)) TRY(evtchn_.unmask(queue->port));
                    break;
                case RingServer<>::Look::more: pace.wait = 0ms; break;
                case RingServer<>::Look::full: break;
                case RingServer<>::Look::waits: pace.wait = pace.wait.value_or(disk_.limits.wait(now)); break;
                case RingServer<>::Look::broken: pace.is_broken = true; return pace;
            }
        }
        if (!TRY(disk_.storage.push())) pace.wait = std::min(pace.wait.value_or(try_again), try_again);
        bool const some_done = take_done() != 0;
        answer();
        if (!some_done && pace.wait != Clock::duration::zero()) return pace;
    }
    pace.wait = 0ms;
    return pace;
}
}  // namespace paravane::block

// SPDX-License-Identifier: MIT
#include "console/backend.hpp"

#include <signal.h>
#include <sys/syscall.h>

#include <cstdio>
#include <vector>

#include "host/confinement.hpp"
#include "os/ending_signals.hpp"
#include "public/grant_table.hpp"

namespace paravane::console {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto last_words_limit = 2s;  // for clients that do not read

// A look into the ring takes at most a ring full, 2 KiB. So a guest that prints without end, or byte by byte with an
// event for each, takes little of dom0's time, and gets at least 100 KiB in a second through.
constexpr unsigned looks_at_once = 1000;
constexpr auto time_for_a_look = 20ms;

constexpr int calls[] = {SYS_epoll_wait, SYS_epoll_ctl, SYS_accept4,    SYS_recvfrom, SYS_sendmsg, SYS_pread64,
                         SYS_pwrite64,   SYS_ftruncate, SYS_newfstatat, SYS_fstat,    SYS_read,    SYS_write};

Result<> give_up_the_rest() {
    std::vector<host::Allowed> allowed;
    for (int call : calls) allowed.push_back({call});
    allowed.push_back({SYS_ioctl, host::Queue::notify_request()});
    return host::confine(allowed);
}
}  // namespace

Result<std::unique_ptr<Backend>> Backend::open(Options const& options, host::Handover& handover) {
    EventLoop loop = TRY(EventLoop::make());
    OwnedFd end = TRY(receive_ending_signals({SIGTERM}));  // from the supervisor
    OwnedFd journal_file = TRY(handover.descriptor("journal"));
    OwnedFd listener = TRY(handover.descriptor("listener"));
    OwnedFd log = TRY(handover.descriptor("log"));
    OwnedFd older_log = TRY(handover.descriptor("older-log"));
    OwnedFd event_device = TRY(handover.descriptor("evtchn"));
    OwnedFd grant_device = TRY(handover.descriptor("gntdev"));
    Memory journal = TRY(Memory::map(journal_file));
    XenEvtchn evtchn = TRY(XenEvtchn::adopt(std::move(event_device)));
    GrantDevice grants{std::move(grant_device), options.domid};
    std::uint32_t const page = abi::gnttab_reserved_console.value;
    host::Queue queue = TRY(host::Queue::open(std::move(evtchn), grants, options.domid, {&page, 1}, options.port));
    return std::unique_ptr<Backend>{new Backend{options, std::move(loop), std::move(end), std::move(queue),
                                                std::move(journal), std::move(listener), std::move(log),
                                                std::move(older_log)}};
}

Backend::Backend(Options const& options, EventLoop loop, OwnedFd end, host::Queue queue, Memory journal,
                 OwnedFd listener, OwnedFd log, OwnedFd older_log)
    : options_{options},
      loop_{std::move(loop)},
      end_{std::move(end)},
      queue_{std::move(queue)},
      journal_{std::move(journal)},
      log_{LogFile{std::move(log)}, LogFile{std::move(older_log)}, (*journal_).log, options.log_limit},
      typed_{(*journal_).input},
      ring_{*static_cast<abi::io::ConsoleRing*>(queue_->page()), *journal_, log_, typed_},
      clients_{loop_, std::move(listener), log_, typed_, [this] { feed_input(); }},
      prints_{looks_at_once, time_for_a_look, Clock::now()} {}

Result<> Backend::run(host::Handover& handover) {
    TRY(loop_.add(queue_->fd(), EPOLLIN, [this](std::uint32_t) {
        Result<bool> taken = queue_->take_event();
        if (!taken) failure_ = std::move(taken).error();
    }));
    TRY(loop_.add(end_.get(), EPOLLIN, [this](std::uint32_t) { guest_gone_ = true; }));
    TRY(clients_.start(ring_.position()));
    TRY(give_up_the_rest());
    TRY(handover.say_ready());
    // Whatever came before we were bound raised no event for us; nor did the guest's peer change reach it.
    queue_->notify();
    while (!guest_gone_) {
        bool const has_more = TRY(serve_ring());
        std::optional<std::chrono::milliseconds> limit;
        if (has_more) limit = std::chrono::ceil<std::chrono::milliseconds>(prints_.wait(Clock::now()));
        TRY(loop_.wait(limit));
        if (failure_) return std::move(*failure_);
    }
    return end();
}

// Events stay off until the ring is empty, so a guest that prints faster than it may causes none. True: there may be
// more, to be looked at when that is allowed again, which may be now; no event will say so.
Result<bool> Backend::serve_ring() {
    feed_input();
    while (prints_.take(Clock::now())) {
        if (print_some()) continue;
        TRY(queue_->rearm());
        return false;
    }
    return true;
}

// False when there was nothing.
bool Backend::print_some() {
    std::optional<std::string_view> const text = ring_.take_output();
    if (!text) {
        if (!was_damaged_) std::fprintf(stderr, "d%u: its index is not one of this ring\n", options_.domid);
        was_damaged_ = true;
        return false;
    }
    if (text->empty()) return false;
    clients_.show(*text, ring_.position());
    queue_->notify();  // it may wait for room in the ring
    return true;
}

void Backend::feed_input() {
    if (ring_.give_input() == 0) return;
    clients_.guest_took_input();
    queue_->notify();
}

Result<> Backend::end() {
    (void)print_some();  // no more than a ring full can be there
    loop_.remove(queue_->fd());
    queue_.reset();  // the hypervisor frees the domain when nobody holds its pages
    auto const limit = Clock::now() + last_words_limit;
    while (!clients_.say_farewell()) {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(limit - Clock::now());
        if (left <= 0ms) break;
        TRY(loop_.wait(left));
    }
    return {};
}
}  // namespace paravane::console

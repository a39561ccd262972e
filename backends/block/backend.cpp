// SPDX-License-Identifier: MIT
#include "block/backend.hpp"

#include <signal.h>
#include <sys/syscall.h>

#include <cstdio>
#include <vector>

#include "host/confinement.hpp"
#include "os/ending_signals.hpp"

namespace paravane::block {
namespace {
using namespace std::chrono_literals;
using host::State;
using hv::xenbus::Step;

// For what the process before has under way, or one of a device before that has just ended.
constexpr auto patience_in_use = 600s, patience_at_first = 10s;
// A front end may change its state without end; the supervisor passes on what this end asks for then.
constexpr int most_steps = 8;
constexpr unsigned looks_at_once = 20;
constexpr auto time_for_a_look = 100ms;

constexpr int calls[] = {SYS_epoll_wait, SYS_epoll_ctl, SYS_poll,  SYS_recvfrom,      SYS_sendto,
                         SYS_read,       SYS_write,     SYS_lseek, SYS_io_uring_enter};

Result<> give_up_the_rest() {
    std::vector<host::Allowed> allowed;
    for (int call : calls) allowed.push_back({call});
    for (unsigned long request : XenEvtchn::requests()) allowed.push_back({SYS_ioctl, request});
    for (unsigned long request : GrantDevice::requests()) allowed.push_back({SYS_ioctl, request});
    return host::confine(allowed);
}

Limits limits_of(Options const& options) {
    Limits limits{};
    limits.operations.set(options.operations);
    limits.bytes.set(options.bytes);
    return limits;
}
}  // namespace

Result<std::unique_ptr<Backend>> Backend::open(Options const& options, host::Handover& handover) {
    EventLoop loop = TRY(EventLoop::make());
    OwnedFd end = TRY(receive_ending_signals({SIGTERM}));  // from the supervisor
    OwnedFd const journal = TRY(handover.descriptor("journal"));
    OwnedFd image = TRY(handover.descriptor("image"));
    OwnedFd event_device = TRY(handover.descriptor("evtchn"));
    OwnedFd grant_device = TRY(handover.descriptor("gntdev"));
    OwnedFd nodes = TRY(handover.descriptor("nodes"));
    Memory memory = TRY(Memory::map(journal));
    XenEvtchn evtchn = TRY(XenEvtchn::adopt(std::move(event_device)));
    // Not every kernel can.
    (void)static_cast<bool>(evtchn.restrict_to(options.domid));
    XenstoreClient store = TRY(XenstoreClient::adopt(std::move(nodes)));
    auto const patience = (*memory).is_connected != 0 ? patience_in_use : patience_at_first;
    std::unique_ptr<FileStorage> storage = TRY(FileStorage::open(
        std::move(image), {.read_only = options.read_only, .sector = options.sector, .patience = patience}));
    std::unique_ptr<Backend> backend{
        new Backend{options, std::move(loop), std::move(end), std::move(memory), std::move(storage), std::move(evtchn),
                    GrantDevice{std::move(grant_device), options.domid}, std::move(store)}};
    if (backend->rings_.is_connected()) TRY(backend->rings_.take_up());
    return backend;
}

Backend::Backend(Options const& options, EventLoop loop, OwnedFd end, Memory memory,
                 std::unique_ptr<FileStorage> storage, XenEvtchn evtchn, GrantDevice grants, XenstoreClient store)
    : options_{options},
      loop_{std::move(loop)},
      end_{std::move(end)},
      memory_{std::move(memory)},
      storage_{std::move(storage)},
      rings_{std::move(evtchn), std::move(grants), options.domid, *memory_, *storage_, limits_of(options)},
      nodes_{std::in_place, std::move(store), *hv::xenbus::find_kind("block"), options.domid, options.index},
      looks_{looks_at_once, time_for_a_look, Clock::now()} {}

Result<> Backend::run(host::Handover& handover) {
    TRY(loop_.add(rings_.fd(), EPOLLIN, [this](std::uint32_t) {
        if (Result<> taken = rings_.take_events(); !taken) failure_ = std::move(taken).error();
    }));
    TRY(loop_.add(storage_->fd(), EPOLLIN, [](std::uint32_t) {}));
    TRY(loop_.add(end_.get(), EPOLLIN, [this](std::uint32_t) { is_ending_ = true; }));
    TRY(loop_.add(nodes_->fd(), EPOLLIN, [this](std::uint32_t) { nodes_changed_ = true; }));
    TRY(give_up_the_rest());
    if (Result<> watched = nodes_->watch(); !watched && !rings_.is_connected()) return watched;
    TRY(handover.say_ready());
    while (!is_ending_) {
        if (nodes_changed_) look_at_nodes();
        Rings::Pace const pace = TRY(rings_.serve());
        if (pace.is_broken) {
            complain("its index is not one of this ring: disconnected");
            rings_.disconnect();
            nodes_changed_ = true;
            continue;
        }
        std::optional<std::chrono::milliseconds> limit;
        if (pace.wait) limit = std::chrono::ceil<std::chrono::milliseconds>(*pace.wait);
        if (nodes_changed_ && nodes_) {
            auto const look = std::chrono::ceil<std::chrono::milliseconds>(looks_.wait(Clock::now()));
            limit = std::min(limit.value_or(look), look);
        }
        TRY(loop_.wait(limit));
        if (failure_) return std::move(*failure_);
    }
    rings_.let_go();
    return {};
}

void Backend::complain(std::string const& what) const {
    std::fprintf(stderr, "d%u: disk %u: %s\n", options_.domid, options_.index, what.c_str());
}

// Without a way to the store the rings are served on: whoever ends them is the supervisor then.
void Backend::look_at_nodes() {
    if (!nodes_) return;
    // What comes before its time is taken all the same: it must not wait in the supervisor.
    Result<bool> more = nodes_->take_change();
    if (more) more = looks_.take(Clock::now()) ? settle() : Result<bool>{true};
    if (more) {
        nodes_changed_ = *more;
        return;
    }
    complain(more.error().message());
    loop_.remove(nodes_->fd());
    nodes_.reset();
}

// True: there is more to be done, or something has changed meanwhile.
Result<bool> Backend::settle() {
    for (int count = 0; count < most_steps; ++count) {
        if (!TRY(step())) return nodes_->take_change();
    }
    return true;
}

// One step towards what the front end and the toolstack want; false if there is none.
Result<bool> Backend::step() {
    State const own = TRY(nodes_->own_state());
    State const front = TRY(nodes_->frontend_state());
    if (own == State::unknown) {
        // The toolstack has removed it all; nothing is written into what is not there.
        if (rings_.is_connected() && (front == State::unknown || front == State::closed)) rings_.disconnect();
        return false;
    }
    Step next = hv::xenbus::backend_step(own, before_, front);
    before_ = front;
    bool const is_wanted = TRY(nodes_->number(hv::xenbus::online)) != 0;
    if (own == State::connected && !rings_.is_connected()) next = Step::close;  // one was broken, or killed in closing
    else if (is_wanted && own == State::closing && front == State::connected && rings_.is_connected()) {
        // The guest did not let go of it, and need not any more.
        TRY(nodes_->publish(State::connected));
        return true;
    } else if (!is_wanted && next == Step::offer) next = Step::nothing;
    else if (!is_wanted && (own == State::init_wait || own == State::connected) && next != Step::close)
        next = Step::disconnect;
    switch (next) {
        case Step::nothing: return false;
        case Step::offer: {
            Geometry const geometry = TRY(storage_->look());
            TRY(offer(*nodes_, geometry));
            TRY(nodes_->publish(State::init_wait));
            return true;
        }
        case Step::connect: {
            // Connected already: a process before this one was killed before it could say so.
            Result<> connected{};
            if (!rings_.is_connected()) {
                Result<Connection> chosen = read_connection(*nodes_);
                connected = chosen ? rings_.connect(*chosen) : Result<>{std::move(chosen).error()};
            }
            if (!connected) complain("cannot be connected: " + connected.error().message());
            TRY(nodes_->publish(connected ? State::connected : State::closed));
            return true;
        }
        case Step::disconnect: TRY(nodes_->publish(State::closing)); return true;
        case Step::reject:
            complain("the front end has jumped to state " + std::string{hv::xenbus::text_of(front).data()});
            [[fallthrough]];
        case Step::close:
            rings_.disconnect();
            TRY(nodes_->publish(State::closed));
            return true;
    }
    return false;
}
}  // namespace paravane::block

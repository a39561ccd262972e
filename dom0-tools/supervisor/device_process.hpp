// SPDX-License-Identifier: MIT
// One device and the process that serves it, from its start to its end: started again when it ends and was not told to,
// after a wait if it keeps ending.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "backend/supervisor_protocol.hpp"
#include "os/child.hpp"
#include "os/error.hpp"
#include "os/event_loop.hpp"
#include "supervisor/backoff.hpp"
#include "supervisor/kinds.hpp"
#include "supervisor/node_gate.hpp"
#include "supervisor/places.hpp"

namespace paravane::supervisor {
using Clock = std::chrono::steady_clock;

class DeviceProcess {
public:
    // Called whenever its state has changed.
    using Changed = std::function<void(DeviceProcess&)>;

    DeviceProcess(EventLoop& loop, Places const& places, Request const& request, Kind const& kind, Changed changed);
    ~DeviceProcess();
    DeviceProcess(DeviceProcess&&) = delete;

    // One that a former supervisor started.
    void adopt(Record const& record);
    void start();
    // The guest is gone, or the device is to go: SIGTERM, and after a while SIGKILL.
    void stop();
    void kill();

    // What is due; when to look again.
    void look(Clock::time_point now);
    std::optional<Clock::time_point> due() const { return due_; }

    Request const& request() const { return request_; }
    State state() const { return state_; }
    std::string const& complaint() const { return complaint_; }
    Answer describe(What what) const;

private:
    Result<> try_to_start();
    Result<std::vector<Handed>> lend();
    void lend_passing(std::vector<Handed>& handed, char const* name, OwnedFd fd);
    Result<OwnedFd> make_gate();
    Result<> watch();
    void hear();
    void ended();
    void forget_process();
    void become(State state);

    EventLoop& loop_;
    Places const& places_;
    Request request_;
    Kind const& kind_;
    Changed changed_;
    State state_ = State::starting;
    Backoff backoff_;
    OwnedFd journal_, listener_;
    Logs logs_;
    std::vector<OwnedFd> passing_;  // for the next process alone
    std::unique_ptr<NodeGate> gate_;
    pid_t pid_ = 0;
    bool is_our_child_ = true;
    OwnedFd pidfd_, ready_, complaints_;
    Clock::time_point started_{};
    std::optional<Clock::time_point> due_;
    std::uint32_t restarts_ = 0;
    bool has_served_ = false;
    int status_ = 0;
    std::string complaint_;
};
}  // namespace paravane::supervisor

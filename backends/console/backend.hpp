// SPDX-License-Identifier: MIT
// The console backend of one guest: moves bytes between the ring in the guest's page, the log, and clients on a Unix
// socket. Needs nobody else to be alive; ends when the supervisor says that the guest is gone. Killed at any moment,
// the next process goes on where this one was.
#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include "console/clients.hpp"
#include "console/console_ring.hpp"
#include "host/allowance.hpp"
#include "host/handover.hpp"
#include "host/journal_memory.hpp"
#include "host/queue.hpp"
#include "os/event_loop.hpp"

namespace paravane::console {
struct Options {
    std::uint16_t domid = 0;
    std::uint32_t port = 0;  // of the guest
    std::uint64_t log_limit = std::uint64_t{4} << 20;
};

class Backend {
public:
    using Memory = host::JournalMemory<Journal, 0x324c4f534e4f43>;  // "CONSOL2"

    // Takes up the guest's ring and what the supervisor hands over, and gives up all that is not needed any more.
    static Result<std::unique_ptr<Backend>> open(Options const& options, host::Handover& handover);
    Backend(Backend&&) = delete;

    // Says that the console is there, and returns when the guest is gone and its last words are delivered.
    Result<> run(host::Handover& handover);

private:
    Backend(Options const& options, EventLoop loop, OwnedFd end, host::Queue queue, Memory journal, OwnedFd listener,
            OwnedFd log, OwnedFd older_log);

    Result<bool> serve_ring();
    void feed_input();
    bool print_some();
    Result<> end();

    Options options_;
    EventLoop loop_;
    OwnedFd end_;  // readable when the guest is gone
    std::optional<host::Queue> queue_;
    Memory journal_;
    Log<> log_;
    Typed<> typed_;
    ConsoleRing<> ring_;
    Clients clients_;
    host::Allowance prints_;
    std::optional<Error> failure_;
    bool guest_gone_ = false;
    bool was_damaged_ = false;
};
}  // namespace paravane::console

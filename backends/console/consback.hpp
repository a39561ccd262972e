// SPDX-License-Identifier: MIT
// The console backend of one guest: moves bytes between the ring in the guest's page, a bounded memory of what was
// printed, an optional log file, and any number of clients on a Unix socket. Needs nobody else to be alive; ends when
// the guest is gone. A client that connects late sees what is remembered first.
#pragma once
#include "console/console_ring.hpp"
#include "console/log_file.hpp"
#include "console/scrollback.hpp"
#include "os/error.hpp"
#include "os/owned_fd.hpp"
#include "xen/evtchn.hpp"
#include "xen/gnttab.hpp"
#include "xenstore/client.hpp"

#include <list>
#include <optional>
#include <string>

namespace paravane {
struct ConsoleOptions {
    std::uint16_t domid = 0;
    std::uint32_t port = 0;  // of the guest
    std::string socket;
    std::string log;  // empty: none
    std::size_t scrollback = std::size_t{256} << 10;
    std::optional<unsigned> user;  // to become after everything is open
};

class ConsoleBackend {
public:
    // Opens everything and gives up the privileges that are no longer needed.
    static Result<ConsoleBackend> open(ConsoleOptions const& options);

    // Returns when the guest is gone and its last words are delivered.
    Result<> run();

private:
    struct Client {
        OwnedFd socket;
        std::uint64_t position;  // in the scrollback: what it has seen
        bool input_closed = false;
    };

    ConsoleBackend(ConsoleOptions options, XenEvtchn evtchn, XenEvtchn::Port port, XenGnttab gnttab,
                   GrantMapping mapping, OwnedFd listener, std::optional<LogFile> log, XenstoreClient store);

    Result<> wait();
    Result<> serve_event_channel();
    Result<> serve_store();
    void drain_output();
    void feed_input();
    void accept_client();
    void read_from(Client& client);
    bool write_to(Client& client);
    void deliver_last_words();

    ConsoleOptions options_;
    XenEvtchn evtchn_;
    XenEvtchn::Port port_;
    XenGnttab gnttab_;
    GrantMapping mapping_;
    ConsoleRing ring_;
    OwnedFd listener_;
    std::optional<LogFile> log_;
    std::optional<XenstoreClient> store_;  // none while xenstored is away
    Scrollback scrollback_;
    std::list<Client> clients_;
    std::string input_;  // typed, not yet in the ring
    bool guest_gone_ = false;
    bool ring_was_damaged_ = false;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The rings of one disk: the guest's pages, mapped, its event channels, bound, and who serves them. Taking them up is
// the same for a front end that has just connected and after a kill.
#pragma once
#include <memory>
#include <vector>

#include "block/connection.hpp"
#include "block/granted_pages.hpp"
#include "block/ring_server.hpp"
#include "portable/ring/stores.hpp"
#include "xen/evtchn.hpp"

namespace paravane::block {
// What outlives the process.
struct Kept {
    std::uint64_t is_connected;  // decides: 0, the rest counts for nothing
    Connection connection;
    std::array<RingServer<>::Journal::Contents, most_queues> journal;
};

class Rings {
public:
    Rings(XenEvtchn evtchn, GrantDevice grants, std::uint16_t domid, Kept& kept, Storage& storage, Limits limits)
        : evtchn_{std::move(evtchn)}, domid_{domid}, kept_{kept}, pages_{std::move(grants)}, disk_{pages_,  nullptr,
                                                                                                   storage, {},
                                                                                                   limits,  memory} {}
    Rings(Rings&&) = delete;
    ~Rings() { let_go(); }

    bool is_connected() const { return kept_.is_connected != 0; }
    // For a front end that chose so; from the beginning, with nothing in the journal.
    Result<> connect(Connection const& connection);
    // Those that are connected, for this process.
    Result<> take_up();
    // What is under way ends, is answered, and then nothing is held of the guest. It stays connected.
    void let_go();
    void disconnect();

    int fd() const { return evtchn_.fd(); }
    Result<> take_events();

    struct Pace {
        bool is_broken = false;               // the guest is: give it up
        std::optional<Clock::duration> wait;  // when to serve again if nothing happens; none: never
    };
    // Everything that can be done now, within bounds.
    Result<Pace> serve();

private:
    static constexpr std::size_t memory = std::size_t{16} << 20;  // for copies of data
    static constexpr std::size_t most_mapped = 2048;              // pages that stay
    static constexpr int rounds = 16;

    struct Queue {
        MappedGrants ring;
        XenEvtchn::Port port;
        RingServer<> server;
        bool is_masked = false;

        Queue(MappedGrants pages, XenEvtchn::Port bound, Disk& disk, RingServer<>::Journal::Contents& journal)
            : ring{std::move(pages)}, port{bound}, server{disk, journal, ring.data(), ring.size()} {}
    };

    std::size_t take_done();
    void answer();
    void drain();

    XenEvtchn evtchn_;
    std::uint16_t domid_;
    Kept& kept_;
    GrantedPages pages_;
    Disk disk_;
    std::optional<PersistentGrants> persistent_;
    std::vector<std::unique_ptr<Queue>> queues_;
};
}  // namespace paravane::block

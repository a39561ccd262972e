// SPDX-License-Identifier: MIT
// What two domains do with each other, as a backend and its frontend: this image as a second domain grants pages and
// answers events.
#include <atomic>

#include "grants.hpp"
#include "guests/warden/ward.hpp"
#include "runtime/event.hpp"
#include "runtime/grant.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"

namespace bench {
namespace {
constexpr u32 shared_ref = 9;  // in dom0's grant table
constexpr u64 shared_address = 0xffff960000800000;
constexpr u64 map_address = 0xffff960000400000;  // tables of its own

struct Shared {
    std::atomic<u32> port;         // the partner's, for events that it answers
    std::atomic<u32> masked_port;  // and for those that it does not see
};

guest::EvtchnPort port_for_dom0() {
    static constinit abi::EvtchnAllocUnbound unbound{};
    unbound = {.dom = abi::domid_self, .remote_dom = abi::dom0, .port = {0}};
    require(guest::event_channel_op(abi::evtchnop::alloc_unbound, &unbound) == 0, "alloc_unbound for dom0");
    return unbound.port;
}

abi::EvtchnSend connect(guest::Domid partner, u32 remote_port) {
    abi::EvtchnBindInterdomain bind{.remote_dom = partner, .pad = 0, .remote_port = {remote_port}, .local_port = {0}};
    require(guest::event_channel_op(abi::evtchnop::bind_interdomain, &bind) == 0, "bind_interdomain to another");
    guest::event::mask(bind.local_port);
    guest::event::clear(bind.local_port);
    return {.port = bind.local_port};
}

void measure_events(guest::Domid partner, Shared const& shared) {
    static constinit abi::EvtchnSend masked{}, answered{};
    masked = connect(partner, shared.masked_port);
    answered = connect(partner, shared.port);
    measure({"evtchn_send_to_another_masked"}, [] { (void)guest::event_channel_op(abi::evtchnop::send, &masked); });
    // Both sleep in between: the CPU changes hands twice.
    measure({"evtchn_round_trip_between_domains"}, [] {
        (void)guest::event_channel_op(abi::evtchnop::send, &answered);
        (void)guest::event::wait(answered.port, ~u64{0});
        guest::event::clear(answered.port);
    });
}

void measure_copies(guest::Domid partner) {
    prepare_copies(partner);
    set_copy_length(guest::page_size);
    require_copies("a copy of another's page");
    measure({"grant_copy_4k_of_another_x32_per_op", 16, batch}, [] { copy(); });
    set_copy_length(64);
    measure({"grant_copy_64b_of_another_x32_per_op", 16, batch}, [] { copy(); });
}

void measure_maps(guest::Domid partner) {
    prepare_maps(partner, map_address);
    require_maps("another's page is mapped");
    measure({"grant_map_unmap_of_another_x1_per_pair"}, [] { map_and_unmap(1); });
    measure({"grant_map_unmap_of_another_x32_per_pair", 16, batch}, [] { map_and_unmap(batch); });
}
}  // namespace

void be_the_partner() {
    permit_pages(abi::dom0);
    require(guest::grant::map(shared_address, abi::dom0, shared_ref), "dom0's page");
    auto* shared = reinterpret_cast<Shared*>(shared_address);
    guest::event::enable();
    guest::EvtchnPort const port = port_for_dom0();
    guest::event::set_handler(port, [](guest::EvtchnPort own) { (void)guest::event::send(own); });
    shared->masked_port = port_for_dom0().value;
    shared->port = port.value;
    for (;;) { (void)guest::sched_op(abi::schedop::block); }
}

void measure_partner() {
    auto* shared = static_cast<Shared*>(guest::memory::allocate());
    warden::Ward partner;
    partner.build("partner", "role=partner", 1);
    guest::grant::permit(shared_ref, partner.id(), guest::memory::mfn_of(shared), abi::gtf::permit_access);
    partner.start();
    while (shared->port == 0) { guest::time::sleep_until(guest::time::now() + guest::time::millisecond); }
    measure_events(partner.id(), *shared);
    measure_copies(partner.id());
    measure_maps(partner.id());
    partner.destroy();
}
}  // namespace bench

// SPDX-License-Identifier: MIT
// What two domains do with each other, as a backend and its frontend: this image as a second domain grants pages and
// answers events.
#include <array>
#include <atomic>

#include "guests/warden/ward.hpp"
#include "measure.hpp"
#include "runtime/event.hpp"
#include "runtime/grant.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace bench {
namespace {
namespace op = abi::gnttabop;

constexpr u32 batch = 32;
constexpr u32 first_ref = 64;  // in the partner's grant table
constexpr u32 shared_ref = 9;  // in dom0's
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
    static constinit std::array<abi::GnttabCopy, batch> copies{};
    for (u32 i = 0; i < batch; ++i) {
        abi::GnttabCopy& copy = copies[i];
        copy.source.u.ref = {first_ref + i};
        copy.source.domid = partner;
        copy.dest.domid = abi::domid_self;
        copy.dest.u.gmfn = {guest::memory::mfn_of(guest::memory::allocate()).value};
        copy.flags = abi::gntcopy::source_gref;
    }
    auto copy = [] { (void)guest::grant_table_op(op::copy, copies.data(), batch); };
    auto set_length = [](guest::u16 bytes) {
        for (abi::GnttabCopy& request : copies) { request.len = bytes; }
    };
    set_length(guest::page_size);
    copy();
    require(copies[0].status == abi::gntst::okay, "a copy of another's page");
    measure({"grant_copy_4k_of_another_x32_per_op", 16, batch}, copy);
    set_length(64);
    measure({"grant_copy_64b_of_another_x32_per_op", 16, batch}, copy);
}

void measure_maps(guest::Domid partner) {
    static constinit std::array<abi::GnttabMapGrantRef, batch> maps{};
    static constinit std::array<abi::GnttabUnmapGrantRef, batch> unmaps{};
    namespace pt = guest::page_table;
    require(pt::map(pt::kernel_root(), map_address, 0), "tables for another's pages");
    for (u32 i = 0; i < batch; ++i) {
        maps[i].host_addr = unmaps[i].host_addr = map_address + i * guest::page_size;
        maps[i].flags = abi::gntmap::host_map;
        maps[i].ref = {first_ref + i};
        maps[i].dom = partner;
    }
    static constexpr auto map_and_unmap = [](u32 count) {
        (void)guest::grant_table_op(op::map_grant_ref, maps.data(), count);
        for (u32 i = 0; i < count; ++i) { unmaps[i].handle = maps[i].handle; }
        (void)guest::grant_table_op(op::unmap_grant_ref, unmaps.data(), count);
    };
    map_and_unmap(batch);
    require(maps[0].status == abi::gntst::okay && unmaps[batch - 1].status == abi::gntst::okay, "another's page");
    measure({"grant_map_unmap_of_another_x1_per_pair"}, [] { map_and_unmap(1); });
    measure({"grant_map_unmap_of_another_x32_per_pair", 16, batch}, [] { map_and_unmap(batch); });
}
}  // namespace

void be_the_partner() {
    for (u32 i = 0; i < batch; ++i) {
        guest::Mfn const frame = guest::memory::mfn_of(guest::memory::allocate());
        guest::grant::permit(first_ref + i, abi::dom0, frame, abi::gtf::permit_access);
    }
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

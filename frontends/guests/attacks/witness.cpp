// SPDX-License-Identifier: MIT
#include "witness.hpp"

#include <array>

#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "runtime/time.hpp"

namespace witness {
namespace {
using guest::Mfn;
using guest::u32;
using guest::u64;
namespace pt = guest::page_table;
namespace pte = guest::pte;

constexpr u32 pages = 128;
constexpr u64 test_address = 0xffff960000000000;
constinit std::array<u64*, pages> memory{};
constinit std::string_view harm{};

u64 pattern(u64 page, u64 word, u64 round) { return (page << 32 ^ word) * 0x9e3779b97f4a7c15 + round; }

void harmed(std::string_view what) {
    if (harm.empty()) { harm = what; }
}

void write_page(u32 page, u64 round) {
    for (u32 word = 0; word < 512; ++word) {
        static_cast<u64 volatile*>(memory[page])[word] = pattern(page, word, round);
    }
}

void check_page(u32 page, u64 round) {
    for (u32 word = 0; word < 512; ++word) {
        if (static_cast<u64 volatile*>(memory[page])[word] != pattern(page, word, round)) { harmed("memory"); }
    }
}

// A page is mapped elsewhere, too, and seen there.
void check_mapping(u32 page) {
    if (!pt::map(pt::kernel_root(), test_address, pt::entry(guest::memory::mfn_of(memory[page]), pte::read_only))) {
        harmed("a mapping was refused");
        return;
    }
    if (*reinterpret_cast<u64 volatile*>(test_address) != *static_cast<u64 volatile*>(memory[page])) {
        harmed("a mapping leads elsewhere");
    }
    (void)pt::clear(pt::kernel_root(), test_address);
}

void check_time() {
    static constinit u64 last = 0;
    u64 now = guest::time::now();
    if (now < last) { harmed("time went backwards"); }
    last = now;
}

void check_events(guest::EvtchnPort port) {
    guest::event::clear(port);
    if (guest::event::send(port) != 0 || !guest::event::pending(port)) { harmed("an event was lost"); }
}
}  // namespace

void run() {
    guest::EvtchnPort end = guest::start_info().store_evtchn;
    abi::EvtchnBindIpi ipi{};
    if (guest::event_channel_op(abi::evtchnop::bind_ipi, &ipi) != 0) { harmed("no event channel"); }
    for (auto& page : memory) { page = static_cast<u64*>(guest::memory::allocate()); }
    for (u32 page = 0; page < pages; ++page) { write_page(page, 0); }
    u64 round = 0;
    while (!guest::event::wait(end, guest::time::now() + 20 * guest::time::millisecond)) {
        for (u32 page = 0; page < pages; ++page) {
            check_page(page, round);
            write_page(page, round + 1);
        }
        ++round;
        check_mapping(static_cast<u32>(round % pages));
        check_time();
        check_events(ipi.port);
    }
    for (u32 page = 0; page < pages; ++page) { check_page(page, round); }
    if (harm.empty()) {
        guest::print("unharmed after {} rounds\n", round);
    } else {
        guest::print("HARMED: {}\n", harm);
    }
}
}  // namespace witness

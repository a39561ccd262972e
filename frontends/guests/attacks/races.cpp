// SPDX-License-Identifier: MIT
// Two vCPUs against one frame, or one grant. What an operation did is checked after it; the audit of all counts comes
// after the guest's end.
#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "grant_calls.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/time.hpp"

namespace attacks {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

constexpr u64 no_frame = u64{1} << 36;

// What the racer works on; one attack at a time.
constinit Page* target = nullptr;
constinit u64 evil_entry = 0;
// --- page types

// Makes the page writable whenever it can, and puts an entry into it that no table may hold.
void write_to_target() {
    if (pt::set_writable(target->memory()) == 0) {
        for (u32 i = 0; i < 100; ++i) {
            tries([] { target->as()[7] = evil_entry; });
        }
        tries([] { target->as()[7] = 0; });
        (void)pt::set_read_only(target->memory());
    }
}

void pin_against_writer() {
    Page page;
    target = &page;
    evil_entry = pt::entry(pt::kernel_root(), pte::read_write);
    start_racer(write_to_target);
    for (Race race; race.goes_on();) {
        if (pt::pin(1, page.frame()) != 0) { continue; }
        expect((page.as()[7] & pte::present) == 0, "a pinned table holds an entry that no table may hold");
        refused(pt::set_writable(page.memory()), "a pinned table is mapped writable");
        accepted(pt::unpin(page.frame()), "unpin");
    }
    stop_racer();
}

// Both vCPUs pin and unpin the same frame at different levels.
void pin_at_another_level() {
    for (u32 i = 0; i < 16; ++i) {
        (void)pt::pin(2, target->frame());
        (void)pt::unpin(target->frame());
    }
}

void pin_at_two_levels() {
    Page page;
    page.protect();
    target = &page;
    start_racer(pin_at_another_level);
    for (Race race; race.goes_on();) {
        (void)pt::pin(1, page.frame());
        (void)pt::unpin(page.frame());
    }
    stop_racer();
    (void)pt::unpin(page.frame());
    refused(pt::unpin(page.frame()), "a pin is left over");
}

// One vCPU gives entries of a table to and fro while the other drops the table from its tree.
void rewrite_entry() {
    for (u32 i = 0; i < 16; ++i) {
        (void)write_entry(pt::entry_address(target->frame(), 7), (i & 1) != 0 ? 0 : evil_entry);
    }
}

void table_under_update() {
    Page table, data;
    evil_entry = data.writable();
    target = &table;
    table.protect();
    start_racer(rewrite_entry);
    for (Race race; race.goes_on();) {
        (void)pt::pin(1, table.frame());
        (void)pt::unpin(table.frame());
    }
    stop_racer();
    (void)pt::unpin(table.frame());
    accepted(pt::set_writable(table.memory()), "the table is ordinary memory");
    table.words()[7] = 0;
    accepted(pt::set_read_only(data.memory()), "no writable mapping is left uncounted");
    accepted(pt::pin(1, data.frame()), "which a pin would not bear");
    accepted(pt::unpin(data.frame()), "unpin");
}

// One vCPU makes a page a table and a page of descriptors in turns, while the other writes to it as to an entry of a
// table. What it writes is code of ring 0; to a table it is an entry that is not present.
constexpr u64 ring0_code = 0x00af'9b00'0000'fffe;
constinit std::atomic<bool> is_forged{false};

void table_and_descriptors_in_turns() {
    Mfn const frame = target->frame();
    for (u32 i = 0; i < 16; ++i) {
        if (pt::pin(2, frame) == 0) { (void)pt::unpin(frame); }
        if (guest::set_gdt(&frame, 512) != 0) { continue; }
        for (u32 look = 0; look < 1000; ++look) {
            if (target->as()[7] == ring0_code) { is_forged = true; }
        }
        (void)guest::set_gdt(nullptr, 0);
    }
}

void table_or_descriptors() {
    Page page;
    page.protect();
    target = &page;
    start_racer(table_and_descriptors_in_turns);
    abi::MmuextOp flush{};  // with it the page changes its kind without waiting for this processor
    flush.cmd = abi::mmuext::tlb_flush_local;
    for (Race race; race.goes_on();) {
        (void)guest::mmuext_op(&flush, 1);
        (void)write_entry(pt::entry_address(page.frame(), 7), ring0_code);
    }
    stop_racer();
    expect(!is_forged, "code of ring 0 is in a descriptor table that is in use");
}

// One vCPU's call goes through a list that is the same page over and over, while the other has all TLBs flushed. No
// flush may wait for the list's end: so there are many of them.
constexpr u64 list_address = 0xffff970000000000;
constexpr u32 tables_of_list = 32;
constexpr u32 requests_in_list = tables_of_list * 512 * guest::page_size / sizeof(abi::MmuUpdate);

void flush_all() {
    abi::MmuextOp flush{};
    flush.cmd = abi::mmuext::tlb_flush_all;
    (void)guest::mmuext_op(&flush, 1);
}

// A hypervisor with random waits takes minutes for all of the list: a second of it is long enough for many flushes.
u32 requests_of_a_second(abi::MmuUpdate const* list) {
    constexpr u32 some = requests_in_list / tables_of_list;
    u64 const begin = guest::time::now();
    accepted(guest::mmu_update(list, some), "the list's beginning");
    u64 const in_a_second = some * guest::time::second / (guest::time::now() - begin + 1);
    return static_cast<u32>(std::clamp<u64>(in_a_second, some, requests_in_list));
}

void flush_during_a_long_call() {
    Page requests;
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    for (u64 i = 0; i < guest::page_size / sizeof(abi::MmuUpdate); ++i) {
        requests.as<abi::MmuUpdate>()[i].ptr = place_of_test(1);
    }
    expect(pt::map(pt::kernel_root(), list_address, requests.read_only()), "the list's first page");
    Mfn const above = pt::walk(pt::kernel_root(), list_address, 2),
              table = pt::walk(pt::kernel_root(), list_address, 1);
    auto fill = [&](u64 page, u64 next_table) {
        for (u32 slot = 0; slot < 512; ++slot) {
            accepted(write_entry(pt::entry_address(table, slot), page), "a page");
        }
        for (u32 slot = 1; slot < tables_of_list; ++slot) {
            accepted(write_entry(pt::entry_address(above, slot), next_table), "a table");
        }
    };
    fill(requests.read_only(), pt::entry(table, pte::read_write));
    start_racer(flush_all);
    bool const is_long = !guest::option("long").empty();
    u32 const rounds = is_long ? 30 : 3;
    auto const* const list = reinterpret_cast<abi::MmuUpdate const*>(list_address);
    u32 const length = is_long ? requests_in_list : requests_of_a_second(list);
    u32 without_flushes = 0;
    for (u32 round = 0; round < rounds; ++round) {
        u64 const before = racers_steps();
        accepted(guest::mmu_update(list, length), "the list");
        if (racers_steps() - before < 10) { ++without_flushes; }
    }
    stop_racer();
    fill(0, 0);
    // A busy machine may not run the other vCPU for all of a round. A long run is strict: two that share a processor do
    // not wait for each other, which can hide the waiting for most rounds.
    expect(without_flushes < (is_long ? 1 : rounds), "flushes wait for the end of a long list");
}

// Both vCPUs run on a new root, and look at the M2P for the first time at once: both see it. (A kernel that was told of
// a fault takes the entry that it was about to translate for one that maps nothing.)
constinit std::atomic<u64> root_to_look_on{0};  // 0: none yet
constinit std::atomic<u32> lookers{0};
constinit std::atomic<u32> faults{0};

i64 run_on(Mfn root) {
    abi::MmuextOp change{};
    change.cmd = abi::mmuext::new_baseptr;
    change.arg1.mfn = root;
    return guest::mmuext_op(&change, 1);
}

template <class Condition>
void wait_until(Condition holds) {
    while (!holds()) { (void)guest::sched_op(abi::schedop::yield); }
}

void look_at_m2p(Mfn root) {
    accepted(run_on(root), "the new root");
    lookers.fetch_add(1);
    for (u32 turn = 0; lookers.load() < 2; ++turn) {
        if (turn > 10000) { (void)guest::sched_op(abi::schedop::yield); }
    }
    guest::TrapFrame frame{};
    auto look = [] { (void)*reinterpret_cast<u64 volatile*>(abi::machphys_virt_start + 8 * 4096); };
    if (guest::trap::attempt(look, frame)) { faults.fetch_add(1); }
    accepted(run_on(pt::kernel_root()), "back on the old root");
}

void look_too() {
    u64 const root = root_to_look_on.load();
    if (root == 0) { return (void)guest::sched_op(abi::schedop::yield); }
    look_at_m2p(Mfn{root});
    root_to_look_on = 0;
}

void first_look_of_two() {
    Page root;
    for (unsigned slot = 0; slot < 512; ++slot) { root.words()[slot] = pt::table(pt::kernel_root())[slot]; }
    root.protect();
    faults = 0;
    start_racer(look_too);
    for (Race race; race.goes_on();) {
        accepted(pt::pin(4, root.frame()), "a new root");
        lookers = 0;
        root_to_look_on = root.frame().value;
        look_at_m2p(root.frame());
        wait_until([] { return root_to_look_on.load() == 0; });
        accepted(pt::unpin(root.frame()), "which is let go");
    }
    stop_racer();
    expect(faults.load() == 0, "a kernel is told that the M2P is not there");
}

// Frames that are being exchanged are pinned and unpinned meanwhile. The last one of each list does not exist, so that
// all others must be given back.
constexpr u64 exchanged = 400;
constinit std::array<u64, exchanged + 1> exchanged_frames{};

void pin_what_is_exchanged() {
    static constinit std::array<abi::MmuextOp, 64> batch{};
    for (u64 i = 0; i < batch.size(); ++i) {
        batch[i].cmd = i % 2 == 0 ? abi::mmuext::pin_l1_table : abi::mmuext::unpin_table;
        batch[i].arg1.mfn = Mfn{exchanged_frames[i / 2]};
    }
    (void)guest::mmuext_op(batch.data(), batch.size());
}

void exchange_against_pins() {
    static constinit std::array<void*, exchanged> memory{};
    for (u64 i = 0; i < exchanged; ++i) {
        memory[i] = guest::memory::allocate();
        exchanged_frames[i] = guest::memory::mfn_of(memory[i]).value;
        accepted(guest::update_va_mapping(address_of(memory[i]), 0, abi::uvmf::invlpg), "nothing maps the frame");
    }
    exchanged_frames[exchanged] = no_frame;
    start_racer(pin_what_is_exchanged);
    u64 place = 0;
    for (Race race; race.goes_on();) {
        abi::MemoryExchange exchange{};
        exchange.in = {.extent_start = guest::pointer_to(exchanged_frames.data()),
                       .nr_extents = 512,
                       .extent_order = 0,
                       .mem_flags = 0,
                       .domid = abi::domid_self,
                       .pad = {}};
        exchange.out = exchange.in;
        exchange.out.extent_start = guest::pointer_to(&place);
        exchange.out.nr_extents = 1;
        exchange.out.extent_order = 9;
        refused(guest::memory_op(abi::memop::exchange, &exchange), "a frame that does not exist is exchanged");
    }
    stop_racer();
    for (u64 i = 0; i < exchanged; ++i) {
        (void)pt::unpin(Mfn{exchanged_frames[i]});
        u64 extent = exchanged_frames[i];
        expect(change_reservation(abi::memop::decrease_reservation, &extent) == 1, "the frame is still the guest's");
        extent = guest::pfn_of(memory[i]).value;
        expect(change_reservation(abi::memop::populate_physmap, &extent) == 1, "another one takes its place");
        guest::memory::set_mfn(guest::pfn_of(memory[i]), Mfn{extent});
        accepted(pt::set_writable(memory[i]), "which is mapped");
        guest::memory::release(memory[i]);
    }
}

// Grant entries change while they are mapped and copied.
void grant_status() {
    Page page;
    constexpr u32 ref = 40;
    guest::grant::permit(ref, guest::own_domid(), page.frame(), abi::gtf::permit_access);
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    u64 good =
        static_cast<u64>(page.frame().value) << 32 | u64{guest::own_domid().value} << 16 | abi::gtf::permit_access;
    u64 bad =
        static_cast<u64>(pt::kernel_root().value) << 32 | u64{guest::own_domid().value} << 16 | abi::gtf::permit_access;
    flip_between(reinterpret_cast<u64*>(const_cast<abi::GrantEntryV1*>(&guest::grant::entries()[ref])), good, bad);
    for (Race race; race.goes_on();) {
        auto const map = map_grant(ref);
        if (map.status != abi::gntst::okay) { continue; }
        expect((entry_of_test(1) & pte::frame_mask) != pt::kernel_root().value << 12,
               "a page table is mapped writable");
        expect(unmap_grant(map.handle) == abi::gntst::okay, "what was mapped can be unmapped");
    }
    stop_racer();
    guest::grant::entries()[ref].flags = 0;
}

// Both vCPUs unmap by the same handle, and by another's: exactly one of them may have done it.
constinit std::atomic<u32> racers_handle{0};
constinit std::atomic<u32> racers_unmaps{0};

void unmap_too() {
    if (unmap_grant({racers_handle.load()}) == abi::gntst::okay) { racers_unmaps.fetch_add(1); }
}

void double_unmap() {
    Page page;
    constexpr u32 ref = 41;
    guest::grant::permit(ref, guest::own_domid(), page.frame(), abi::gtf::permit_access);
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    racers_handle = 0xffffffff;
    start_racer(unmap_too);
    for (Race race; race.goes_on();) {
        racers_unmaps = 0;
        auto const map = map_grant(ref);
        expect(map.status == abi::gntst::okay, "the entry is free to be mapped again");
        racers_handle = map.handle.value;
        u32 mine = unmap_grant(map.handle) == abi::gntst::okay ? 1 : 0;
        // The other one may just be at it; it has told when its step has ended.
        u64 const step = racers_steps();
        while (mine + racers_unmaps.load() == 0 && racers_steps() == step) {
            (void)guest::sched_op(abi::schedop::yield);
        }
        racers_handle = 0xffffffff;
        expect(mine + racers_unmaps.load() == 1, "a mapping is unmapped once");
        expect(unmap_grant(map.handle) == abi::gntst::bad_handle, "its handle is nobody's then");
        expect(entry_of_test(1) == 0, "and gone");
    }
    stop_racer();
    constexpr u16 in_use = abi::gtf::reading | abi::gtf::writing;
    expect((guest::grant::entries()[ref].flags & in_use) == 0, "nobody uses the grant any more");
    guest::grant::entries()[ref].flags = 0;
}

// The granter takes a page back as soon as its entry says that nobody uses it, and makes a table of it at once.
constexpr u32 ending_ref = 45;
constinit Page* copied_from = nullptr;

void copy_to_grant() {
    abi::GnttabCopy op{};
    op.source.u.raw = copied_from->frame().value;
    op.source.domid = abi::domid_self;
    op.dest.u.ref = {ending_ref};
    op.dest.domid = abi::domid_self;
    op.len = 8;
    op.flags = abi::gntcopy::dest_gref;
    (void)guest::grant_table_op(abi::gnttabop::copy, &op, 1);
}

void map_and_unmap() {
    auto const map = map_grant(ending_ref);
    if (map.status == abi::gntst::okay) { (void)unmap_grant(map.handle); }
}

void use_ends(void (*use)()) {
    constexpr u16 in_use = abi::gtf::reading | abi::gtf::writing;
    Page page, source;
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    page.protect();
    copied_from = &source;
    auto* const flags = const_cast<u16*>(&guest::grant::entries()[ending_ref].flags);
    start_racer(use);
    for (Race race; race.goes_on();) {
        guest::grant::permit(ending_ref, guest::own_domid(), page.frame(), abi::gtf::permit_access);
        for (u32 i = 0; i < 2000 && (__atomic_load_n(flags, __ATOMIC_ACQUIRE) & in_use) == 0; ++i) {}
        u16 unused = abi::gtf::permit_access;
        while (!__atomic_compare_exchange_n(flags, &unused, u16{0}, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            unused = abi::gtf::permit_access;
        }
        accepted(pt::pin(1, page.frame()), "a page that nobody uses, as its grant says, becomes a table");
        (void)pt::unpin(page.frame());
    }
    stop_racer();
}

void copy_ends() { use_ends(copy_to_grant); }
void mapping_ends() { use_ends(map_and_unmap); }

// A port goes from one vCPU to the other and back (mask, bind, unmask) while somebody sends: whoever has it is told.
constinit guest::EvtchnPort sending_end{};

void send_event() {
    abi::EvtchnSend send{sending_end};
    (void)guest::event_channel_op(abi::evtchnop::send, &send);
}

void close_port(guest::EvtchnPort port) {
    abi::EvtchnClose close{port};
    accepted(guest::event_channel_op(abi::evtchnop::close, &close), "close");
}

void port_changes_hands() {
    abi::EvtchnAllocUnbound mine{};
    mine.dom = mine.remote_dom = abi::domid_self;
    accepted(guest::event_channel_op(abi::evtchnop::alloc_unbound, &mine), "a port");
    abi::EvtchnBindInterdomain theirs{};
    theirs.remote_dom = abi::domid_self;
    theirs.remote_port = mine.port;
    accepted(guest::event_channel_op(abi::evtchnop::bind_interdomain, &theirs), "its other end");
    sending_end = theirs.local_port;
    auto& shared = const_cast<abi::SharedInfo&>(guest::shared_info());
    u32 const index = mine.port.value / 64;
    u64 const bit = u64{1} << mine.port.value % 64, word = u64{1} << index;
    u8 const was_masked = std::exchange(shared.vcpu_info[0].evtchn_upcall_mask, u8{1});
    start_racer(send_event);
    u32 lost = 0;
    for (Race race; race.goes_on();) {
        u32 const to = race.round() & 1;
        __atomic_fetch_or(&shared.evtchn_mask[index], bit, __ATOMIC_SEQ_CST);
        abi::EvtchnBindVcpu bind{mine.port, {to}};
        accepted(guest::event_channel_op(abi::evtchnop::bind_vcpu, &bind), "another vCPU's");
        abi::EvtchnUnmask unmask{mine.port};
        accepted(guest::event_channel_op(abi::evtchnop::unmask, &unmask), "unmask");
        u64 const step = racers_steps();
        wait_until([step] { return racers_steps() >= step + 3; });
        bool const pending = (__atomic_load_n(&shared.evtchn_pending[index], __ATOMIC_SEQ_CST) & bit) != 0;
        u64 const told = __atomic_load_n(&shared.vcpu_info[to].evtchn_pending_sel, __ATOMIC_SEQ_CST);
        if (pending && (told & word) == 0) { ++lost; }
        for (u32 vcpu : {0u, 1u}) {
            __atomic_fetch_and(&shared.vcpu_info[vcpu].evtchn_pending_sel, ~word, __ATOMIC_SEQ_CST);
        }
        __atomic_fetch_and(&shared.evtchn_pending[index], ~bit, __ATOMIC_SEQ_CST);
    }
    stop_racer();
    __atomic_fetch_or(&shared.evtchn_mask[index], bit, __ATOMIC_SEQ_CST);
    close_port(mine.port);
    close_port(sending_end);
    shared.vcpu_info[0].evtchn_upcall_mask = was_masked;
    expect(lost == 0, "an event is told to the vCPU that has its port");
}

constexpr std::array list{
    Attack{"races.pin_against_writer", pin_against_writer},
    Attack{"races.pin_at_two_levels", pin_at_two_levels},
    Attack{"races.table_under_update", table_under_update},
    Attack{"races.table_or_descriptors", table_or_descriptors},
    Attack{"races.flush_during_a_long_call", flush_during_a_long_call},
    Attack{"races.first_look_of_two", first_look_of_two},
    Attack{"races.exchange_against_pins", exchange_against_pins},
    Attack{"races.grant_status", grant_status},
    Attack{"races.double_unmap", double_unmap},
    Attack{"races.copy_ends", copy_ends},
    Attack{"races.mapping_ends", mapping_ends},
    Attack{"races.port_changes_hands", port_changes_hands},
};
}  // namespace

Topic race_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

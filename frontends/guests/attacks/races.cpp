// SPDX-License-Identifier: MIT
// Two vCPUs against one frame, and structures that change while the hypervisor reads them. What an operation did is
// checked after it; the audit of all counts comes after the guest's end.
#include <array>

#include "attack.hpp"
#include "runtime/grant.hpp"

namespace attacks {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

constexpr u32 rounds = 3000;
constexpr u64 no_frame = u64{1} << 36;

// What the racer works on; one attack at a time.
constinit Page* target = nullptr;
constinit u64 evil_entry = 0;
constinit u64 volatile* flipped_word = nullptr;
constinit u64 flipped_values[2]{};

void flip() {
    for (u32 i = 0; i < 64; ++i) { *flipped_word = flipped_values[i & 1]; }
}

void flip_between(u64* word, u64 one, u64 other) {
    flipped_word = word;
    flipped_values[0] = one;
    flipped_values[1] = other;
    start_racer(flip);
}

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
    for (u32 round = 0; round < rounds; ++round) {
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
    for (u32 round = 0; round < rounds; ++round) {
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
    for (u32 round = 0; round < rounds; ++round) {
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
    for (u32 round = 0; round < rounds; ++round) {
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

// --- double fetches: a structure is good when it is checked and bad when it is used

void fetch_mmu_update() {
    Page data;
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    static constinit abi::MmuUpdate update{};
    update.ptr = place_of_test(1);
    u64 evil = pt::entry(pt::kernel_root(), pte::read_write);
    flip_between(&update.val, data.read_only(), evil);
    for (u32 round = 0; round < rounds; ++round) {
        (void)guest::mmu_update(&update, 1);
        expect((entry_of_test(1) & pte::frame_mask) != (evil & pte::frame_mask), "the root is mapped writable");
    }
    stop_racer();
    (void)write_entry(place_of_test(1), 0);
}

// The length goes beyond the page's end, but only sometimes.
void fetch_grant_copy() {
    Page source, destination;
    static constinit abi::GnttabCopy op{};
    op = {};
    op.source.u.gmfn = {source.frame().value};
    op.source.domid = op.dest.domid = abi::domid_self;
    op.dest.u.gmfn = {destination.frame().value};
    op.dest.offset = guest::page_size - 64;
    source.words()[0] = 0x5a;
    static_assert(offsetof(abi::GnttabCopy, len) % 8 == 0);
    flip_between(reinterpret_cast<u64*>(&op.len), 64, guest::page_size);
    for (u32 round = 0; round < rounds; ++round) {
        (void)guest::grant_table_op(abi::gnttabop::copy, &op, 1);
        expect(destination.as()[0] == 0, "a copy went to the page's beginning");
    }
    stop_racer();
}

void fetch_reservation() {
    static constinit u64 frame;
    frame = no_frame;
    static constinit abi::MemoryReservation request{};
    request = {.extent_start = guest::pointer_to(&frame),
               .nr_extents = 1,
               .extent_order = 0,
               .mem_flags = 0,
               .domid = abi::domid_self,
               .pad = {}};
    flip_between(&request.nr_extents, 1, ~u64{0});
    for (u32 round = 0; round < rounds; ++round) {
        i64 done = guest::memory_op(abi::memop::decrease_reservation, &request);
        expect(done <= 0, "a frame that does not exist was given back");
    }
    stop_racer();
}

void fetch_multicall() {
    static constinit abi::MulticallEntry entries[2]{};
    entries[0] = {.op = abi::hypercall::xen_version, .result = 0, .args = {}};
    entries[1] = entries[0];
    flip_between(&entries[1].op, abi::hypercall::xen_version, ~u64{0});
    for (u32 round = 0; round < rounds; ++round) {
        accepted(guest::multicall(entries, 2), "the batch");
        u64 result = entries[1].result;
        expect(result == (4 << 16 | 17) || result == static_cast<u64>(guest::failure(Errno::nosys)),
               "a call is one or the other");
    }
    stop_racer();
}

void fetch_event_port() {
    abi::EvtchnBindIpi ipi{};
    accepted(guest::event_channel_op(abi::evtchnop::bind_ipi, &ipi), "bind_ipi");
    static constinit struct {
        abi::EvtchnSend send;
        u32 pad;
    } op{};
    flip_between(reinterpret_cast<u64*>(&op), ipi.port.value, 0xffffffff);
    for (u32 round = 0; round < rounds; ++round) { (void)guest::event_channel_op(abi::evtchnop::send, &op.send); }
    stop_racer();
    abi::EvtchnClose close{.port = ipi.port};
    accepted(guest::event_channel_op(abi::evtchnop::close, &close), "close");
}

void fetch_trap_table() {
    alignas(16) static constinit abi::TrapInfo table[2]{};
    table[0] = {.vector = 200, .flags = 3, .cs = abi::selector::flat_cs64, .pad = 0, .address = 0x1000};
    flip_between(&table[0].address, 0x1000, u64{1} << 63);
    for (u32 round = 0; round < rounds; ++round) { (void)guest::set_trap_table(table); }
    stop_racer();
    traps([] { asm volatile("int $200"); }, "a gate to nowhere traps in the guest");
}

// The descriptor page of the GDT in use is no longer writable; the list of its frames is what can change.
void fetch_gdt_frames() {
    Page good;
    good.protect();
    static constinit Mfn frames[1]{};
    flip_between(&frames[0].value, good.frame().value, pt::kernel_root().value);
    for (u32 round = 0; round < rounds; ++round) { (void)guest::set_gdt(frames, 512); }
    stop_racer();
    accepted(guest::set_gdt(nullptr, 0), "no table");
    refused(pt::set_writable(guest::pointer_to(guest::memory::machine_to_pfn(pt::kernel_root()))),
            "the root became a descriptor page");
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
    for (u32 round = 0; round < rounds; ++round) {
        abi::GnttabMapGrantRef map{};
        map.host_addr = test_address;
        map.flags = abi::gntmap::host_map;
        map.ref = {ref};
        map.dom = guest::own_domid();
        (void)guest::grant_table_op(abi::gnttabop::map_grant_ref, &map, 1);
        if (map.status != abi::gntst::okay) { continue; }
        expect((entry_of_test(1) & pte::frame_mask) != pt::kernel_root().value << 12,
               "a page table is mapped writable");
        abi::GnttabUnmapGrantRef unmap{};
        unmap.host_addr = test_address;
        unmap.handle = map.handle;
        (void)guest::grant_table_op(abi::gnttabop::unmap_grant_ref, &unmap, 1);
        expect(unmap.status == abi::gntst::okay, "what was mapped can be unmapped");
    }
    stop_racer();
    guest::grant::entries()[ref].flags = 0;
}

constexpr std::array list{
    Attack{"races.pin_against_writer", pin_against_writer},
    Attack{"races.pin_at_two_levels", pin_at_two_levels},
    Attack{"races.table_under_update", table_under_update},
    Attack{"races.exchange_against_pins", exchange_against_pins},
    Attack{"races.fetch_mmu_update", fetch_mmu_update},
    Attack{"races.fetch_grant_copy", fetch_grant_copy},
    Attack{"races.fetch_reservation", fetch_reservation},
    Attack{"races.fetch_multicall", fetch_multicall},
    Attack{"races.fetch_event_port", fetch_event_port},
    Attack{"races.fetch_trap_table", fetch_trap_table},
    Attack{"races.fetch_gdt_frames", fetch_gdt_frames},
    Attack{"races.grant_status", grant_status},
};
}  // namespace

Topic race_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

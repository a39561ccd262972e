// SPDX-License-Identifier: MIT
// Double fetches: a structure is good when it is checked and bad when it is used. The second vCPU changes it all the
// time.
#include <array>

#include "grant_calls.hpp"
#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/time.hpp"

namespace attacks {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;

void mmu_update() {
    Page data;
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    static constinit abi::MmuUpdate update{};
    update.ptr = place_of_test(1);
    u64 evil = pt::entry(pt::kernel_root(), pte::read_write);
    flip_between(&update.val, data.read_only(), evil);
    for (Race race; race.goes_on();) {
        (void)guest::mmu_update(&update, 1);
        expect((entry_of_test(1) & pte::frame_mask) != (evil & pte::frame_mask), "the root is mapped writable");
    }
    stop_racer();
    (void)write_entry(place_of_test(1), 0);
}

// Two pages of ours whose frames are neighbours.
struct Neighbours {
    static constexpr u32 candidates = 64;
    std::array<Page, candidates> pages;
    u32 first = 0, second = 0;
    Neighbours() {
        for (u32 i = 0; i < candidates * candidates; ++i) {
            if (pages[i % candidates].frame().value + 1 == pages[i / candidates].frame().value) {
                first = i % candidates;
                second = i / candidates;
            }
        }
        expect(first != second, "two frames are neighbours");
    }
};

// The length goes beyond the page's end, but only sometimes: then the next frame would be written.
void grant_copy() {
    Page source;
    Neighbours neighbours;
    Page const& beyond = neighbours.pages[neighbours.second];
    static constinit abi::GnttabCopy op{};
    op = {};
    op.source.u.gmfn = {source.frame().value};
    op.source.domid = op.dest.domid = abi::domid_self;
    op.dest.u.gmfn = {neighbours.pages[neighbours.first].frame().value};
    op.dest.offset = guest::page_size - 64;
    source.words()[0] = 0x5a;
    source.words()[10] = 0x5b;
    static_assert(offsetof(abi::GnttabCopy, len) % 8 == 0);
    flip_between(reinterpret_cast<u64*>(&op.len), 64, guest::page_size);
    for (Race race; race.goes_on();) {
        (void)guest::grant_table_op(abi::gnttabop::copy, &op, 1);
        expect(beyond.as()[2] == 0, "a copy went beyond the page's end");
    }
    stop_racer();
}

// A reservation of its own, or of the witness's: what is given must be the guest's.
void reservation() {
    constexpr u64 witness = 1;  // its domain id
    static constinit u64 frame;
    static constinit abi::MemoryReservation request{};
    request = {.extent_start = guest::pointer_to(&frame),
               .nr_extents = 1,
               .extent_order = 0,
               .mem_flags = 0,
               .domid = abi::domid_self,
               .pad = {}};
    static_assert(offsetof(abi::MemoryReservation, domid) % 8 == 0);
    flip_between(reinterpret_cast<u64*>(&request.domid), abi::domid_self.value, witness);
    for (Race race; race.goes_on();) {
        if (guest::memory_op(abi::memop::increase_reservation, &request) != 1) { continue; }
        expect(change_reservation(abi::memop::decrease_reservation, &frame) == 1, "a frame was given to somebody else");
    }
    stop_racer();
}

// The list of an exchange names a frame that may go, or the root in use.
void exchange() {
    static constinit u64 in, out;
    void* memory = guest::memory::allocate();
    u64 mine = guest::memory::mfn_of(memory).value;
    accepted(guest::update_va_mapping(address_of(memory), 0), "nothing maps the frame");
    static constinit abi::MemoryExchange request{};
    flip_between(&in, mine, pt::kernel_root().value);
    for (Race race; race.goes_on();) {
        request = {};
        request.in = {.extent_start = guest::pointer_to(&in),
                      .nr_extents = 1,
                      .extent_order = 0,
                      .mem_flags = 0,
                      .domid = abi::domid_self,
                      .pad = {}};
        request.out = request.in;
        request.out.extent_start = guest::pointer_to(&out);
        out = guest::pfn_of(memory).value;
        if (guest::memory_op(abi::memop::exchange, &request) != 0) { continue; }
        expect(out != mine, "another frame took its place");
        mine = out;
        flip_between_also(mine);
    }
    stop_racer();
    guest::memory::set_mfn(guest::pfn_of(memory), Mfn{mine});
    accepted(pt::set_writable(memory), "the last one can be mapped");
    guest::memory::release(memory);
}

// The second entry is a call or the batch itself.
void multicall() {
    static constinit abi::MulticallEntry entries[2]{};
    entries[0] = {.op = abi::hypercall::xen_version, .result = 0, .args = {}};
    entries[1] = {.op = abi::hypercall::xen_version, .result = 0, .args = {address_of(entries), 2}};
    flip_between(&entries[1].op, abi::hypercall::xen_version, abi::hypercall::multicall);
    for (Race race; race.goes_on();) {
        accepted(guest::multicall(entries, 2), "the batch");
        expect(static_cast<i64>(entries[1].result) < 0, "a batch ran within a batch");
    }
    stop_racer();
}

void event_port() {
    abi::EvtchnBindIpi ipi{};
    accepted(guest::event_channel_op(abi::evtchnop::bind_ipi, &ipi), "bind_ipi");
    static constinit struct {
        abi::EvtchnSend send;
        u32 pad;
    } op{};
    flip_between(reinterpret_cast<u64*>(&op), ipi.port.value, 0xffffffff);
    for (Race race; race.goes_on();) { (void)guest::event_channel_op(abi::evtchnop::send, &op.send); }
    stop_racer();
    abi::EvtchnClose close{.port = ipi.port};
    accepted(guest::event_channel_op(abi::evtchnop::close, &close), "close");
}

void poll() {
    abi::EvtchnBindIpi ipi{};
    accepted(guest::event_channel_op(abi::evtchnop::bind_ipi, &ipi), "bind_ipi");
    abi::EvtchnSend send{.port = ipi.port};
    accepted(guest::event_channel_op(abi::evtchnop::send, &send), "it is pending: no poll waits");
    static constinit u64 port;
    flip_between(&port, ipi.port.value, 0x7fffff00);
    for (Race race; race.goes_on();) {
        abi::SchedPoll request{.ports = guest::pointer_to(reinterpret_cast<guest::EvtchnPort*>(&port)),
                               .nr_ports = 1,
                               .pad = 0,
                               .timeout = guest::time::now() + 1000};
        (void)guest::sched_op(abi::schedop::poll, &request);
    }
    stop_racer();
    abi::EvtchnClose close{.port = ipi.port};
    accepted(guest::event_channel_op(abi::evtchnop::close, &close), "close");
}

// Cleared is a page of the guest's, or a page table in use.
void mmuext_op() {
    Page page;
    expect(pt::map(pt::kernel_root(), test_address, page.writable()), "tables");
    u64 entry = entry_of_test(1);
    static constinit abi::MmuextOp op{};
    op.cmd = abi::mmuext::clear_page;
    flip_between(&op.arg1.mfn.value, page.frame().value, table_of_test(1).value);
    for (Race race; race.goes_on();) {
        (void)guest::mmuext_op(&op, 1);
        if (entry_of_test(1) != entry) {
            expect(false, "a page table was cleared");
            break;
        }
    }
    stop_racer();
    expect(pt::clear(pt::kernel_root(), test_address), "unmapped");
}

// A read-only grant is mapped read-only, or, against its terms, writable.
void grant_mapping() {
    Page page;
    constexpr u32 ref = 42;
    guest::grant::permit(ref, guest::own_domid(), page.frame(), abi::gtf::permit_access | abi::gtf::readonly);
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    static constinit abi::GnttabMapGrantRef map{};
    static_assert(offsetof(abi::GnttabMapGrantRef, flags) % 8 == 0);
    constexpr u64 allowed = abi::gntmap::host_map | abi::gntmap::readonly;
    flip_between(reinterpret_cast<u64*>(&map.flags), allowed | u64{ref} << 32, abi::gntmap::host_map | u64{ref} << 32);
    for (Race race; race.goes_on();) {
        map.host_addr = test_address;
        map.dom = guest::own_domid();
        (void)guest::grant_table_op(abi::gnttabop::map_grant_ref, &map, 1);
        if (map.status != abi::gntst::okay) { continue; }
        expect((entry_of_test(1) & (pte::present | pte::writable)) == pte::present, "it is mapped writable");
        expect(unmap_grant(map.handle) == abi::gntst::okay, "what was mapped can be unmapped");
    }
    stop_racer();
    guest::grant::entries()[ref].flags = 0;
}

// A store to a page table, whose instruction changes between the fault and the emulation: mov %rax, (%rdi) or
// mov %rbx, (%rdi).
void instruction() {
    Page data, code;
    expect(pt::map(pt::kernel_root(), test_address, data.writable()), "tables");
    accepted(guest::vm_assist(abi::vmassist::enable, abi::vmassist::writable_pagetables), "stores are emulated");
    auto* entry = const_cast<u64*>(pt::table(table_of_test(1))) + pt::slot(test_address, 1);
    constexpr u64 store_rax = 0xc3'07'89'48, store_rbx = 0xc3'1f'89'48;  // and ret
    code.words()[0] = store_rax;
    u64 evil = pt::entry(pt::kernel_root(), pte::read_write);
    flip_between(code.words(), store_rax, store_rbx);
    for (Race race; race.goes_on();) {
        tries([&] {
            asm volatile("call *%[code]"
                         :
                         : [code] "r"(code.address()),
                           "a"((race.round() & 1) != 0 ? data.writable() : data.read_only()), "b"(evil), "D"(entry)
                         : "memory", "cc");
        });
        expect((entry_of_test(1) & pte::frame_mask) != (evil & pte::frame_mask), "the root is mapped writable");
    }
    stop_racer();
    expect(pt::clear(pt::kernel_root(), test_address), "unmapped");
}

void trap_table() {
    alignas(16) static constinit abi::TrapInfo table[2]{};
    table[0] = {.vector = 200, .flags = 3, .cs = abi::selector::flat_cs64, .pad = 0, .address = 0x1000};
    flip_between(&table[0].address, 0x1000, u64{1} << 63);
    for (Race race; race.goes_on();) {
        (void)guest::set_trap_table(table);
        if (race.round() % 8 == 0) {
            traps([] { asm volatile("int $200"); }, "a gate to nowhere traps in the guest");
        }
    }
    stop_racer();
}

// The descriptor page of the GDT in use is no longer writable; the list of its frames is what can change.
void gdt_frames() {
    Page good;
    good.protect();
    static constinit Mfn frames[1]{};
    flip_between(&frames[0].value, good.frame().value, pt::kernel_root().value);
    for (Race race; race.goes_on();) { (void)guest::set_gdt(frames, 512); }
    stop_racer();
    accepted(guest::set_gdt(nullptr, 0), "no table");
    refused(pt::set_writable(guest::pointer_to(guest::memory::machine_to_pfn(pt::kernel_root()))),
            "the root became a descriptor page");
}

// Every other call with a structure: each word of it is flipped between a good and a bad value in turn. That the call
// did nothing bad, the guest, the witness, dom0 and the audit tell.
struct Call {
    u32 number;
    u32 command;
    u32 words;      // of the structure
    bool for_vcpu;  // the structure is the third argument then, behind the vCPU's number
    std::array<u64, 4> good;
};

void every_structure() {
    namespace hc = abi::hypercall;
    constexpr u64 self = abi::domid_self.value;
    static constinit std::array<u64, 8> structure{};
    u32 const rounds = guest::option("long").empty() ? 300 : 10000;  // as long races do
    Page page;
    u64 const address = page.address();
    u64 const frame = page.frame().value;
    const Call calls[] = {
        {hc::event_channel_op, abi::evtchnop::bind_interdomain, 2, false, {self | u64{3} << 32}},
        {hc::event_channel_op, abi::evtchnop::bind_virq, 2, false, {abi::virq::xenoprof}},
        {hc::event_channel_op, abi::evtchnop::close, 1, false, {60}},
        {hc::event_channel_op, abi::evtchnop::status, 3, false, {self | u64{1} << 32}},
        {hc::event_channel_op, abi::evtchnop::alloc_unbound, 1, false, {self | self << 16}},
        {hc::event_channel_op, abi::evtchnop::bind_vcpu, 1, false, {60}},
        {hc::event_channel_op, abi::evtchnop::unmask, 1, false, {60}},
        {hc::event_channel_op, abi::evtchnop::init_control, 3, false, {u64{1} << 40, 128}},
        {hc::event_channel_op, abi::evtchnop::expand_array, 1, false, {u64{1} << 40}},
        {hc::event_channel_op, abi::evtchnop::set_priority, 1, false, {60 | u64{3} << 32}},
        {hc::vcpu_op, abi::vcpuop::register_runstate_memory_area, 1, true, {address}},
        {hc::vcpu_op, abi::vcpuop::register_vcpu_time_memory_area, 1, true, {address}},
        {hc::vcpu_op, abi::vcpuop::set_periodic_timer, 1, true, {10 * guest::time::millisecond}},
        {hc::vcpu_op, abi::vcpuop::set_singleshot_timer, 2, true, {u64{1} << 60, 1}},
        {hc::vcpu_op, abi::vcpuop::register_vcpu_info, 2, true, {u64{1} << 40, 64}},
        {hc::physdev_op, abi::physdevop::set_iopl, 1, false, {1}},
        {hc::physdev_op, abi::physdevop::set_iobitmap, 2, false, {address, 1000}},
        {hc::callback_op, abi::callbackop::register_callback, 2, false, {abi::callback::syscall32, 0x1000}},
        {hc::callback_op, abi::callbackop::unregister_callback, 1, false, {abi::callback::nmi}},
        {hc::memory_op, abi::memop::current_reservation, 1, false, {self}},
        {hc::memory_op, abi::memop::reserved_device_memory_map, 3, false, {0, 0, address}},
        {hc::xen_version, abi::xenver::get_features, 1, false, {0}},
        {hc::grant_table_op, abi::gnttabop::setup_table, 3, false, {self | u64{1} << 32, 0, address}},
        {hc::grant_table_op, abi::gnttabop::query_size, 2, false, {self}},
        {hc::grant_table_op, abi::gnttabop::get_version, 1, false, {self}},
        {hc::grant_table_op, abi::gnttabop::unmap_grant_ref, 3, false, {test_address, 0, 5}},
        {hc::set_gdt, 0, 1, false, {frame}},
    };
    guest::event::disable();  // the callback for them may be overwritten
    constexpr u64 bad[] = {~u64{0}, u64{1} << 63, abi::hypervisor_virt_start, 0x7fffffff80000000};
    for (Call const& call : calls) {
        for (u32 word = 0; word < call.words && word < call.good.size(); ++word) {
            for (u64 value : bad) {
                for (u32 i = 0; i < call.good.size(); ++i) { structure[i] = call.good[i]; }
                flip_between(&structure[word], call.good[word], value);
                for (u32 round = 0; round < rounds; ++round) {
                    if (call.number == hc::set_gdt) {
                        (void)guest::hypercall(call.number, address_of(structure.data()), 512);
                    } else if (call.for_vcpu) {
                        (void)guest::hypercall(call.number, call.command, 0, address_of(structure.data()));
                    } else {
                        (void)guest::hypercall(call.number, call.command, address_of(structure.data()), 1);
                    }
                }
                stop_racer();
            }
        }
    }
    // What may have been set is taken back.
    guest::trap::initialise();
    guest::event::enable();
    accepted(guest::set_gdt(nullptr, 0), "no descriptor table");
    structure = {};
    for (u32 command : {abi::vcpuop::register_runstate_memory_area, abi::vcpuop::register_vcpu_time_memory_area}) {
        accepted(guest::vcpu_op(command, 0, structure.data()), "no area");
    }
    accepted(guest::vcpu_op(abi::vcpuop::stop_periodic_timer, 0), "no timer");
    accepted(guest::vcpu_op(abi::vcpuop::stop_singleshot_timer, 0), "nor another");
    accepted(guest::physdev_op(abi::physdevop::set_iopl, structure.data()), "no privilege");
    accepted(guest::physdev_op(abi::physdevop::set_iobitmap, structure.data()), "no ports");
    for (u32 number = 8; number < 1024; ++number) {
        abi::EvtchnClose close{.port = {number}};
        (void)guest::event_channel_op(abi::evtchnop::close, &close);
    }
}

constexpr std::array list{
    Attack{"fetches.mmu_update", mmu_update},
    Attack{"fetches.mmuext_op", mmuext_op},
    Attack{"fetches.grant_copy", grant_copy},
    Attack{"fetches.grant_mapping", grant_mapping},
    Attack{"fetches.reservation", reservation},
    Attack{"fetches.exchange", exchange},
    Attack{"fetches.multicall", multicall},
    Attack{"fetches.event_port", event_port},
    Attack{"fetches.poll", poll},
    Attack{"fetches.trap_table", trap_table},
    Attack{"fetches.gdt_frames", gdt_frames},
    Attack{"fetches.instruction", instruction},
    Attack{"fetches.every_structure", every_structure},
};
}  // namespace

Topic fetch_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

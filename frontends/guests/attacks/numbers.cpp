// SPDX-License-Identifier: MIT
// Counts, orders, sizes and numbers that overflow or lead nowhere. The call must come back, and nothing must have
// happened.
#include <array>

#include "attack.hpp"
#include "runtime/event.hpp"
#include "runtime/time.hpp"

namespace attacks {
namespace {
namespace hc = abi::hypercall;
namespace pt = guest::page_table;

constexpr u64 huge_numbers[] = {0x7fffffff,         0x80000000,         0xffffffff,         u64{1} << 32, u64{1} << 52,
                                0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffff8, ~u64{0}};

u64 reservation_now() {
    abi::MemoryDomain self{.domid = abi::domid_self};
    return static_cast<u64>(guest::memory_op(abi::memop::current_reservation, &self));
}

// A list whose end is not mapped: the count says that it goes on.
constexpr u64 unmapped = 0x5000000000;

void batch_counts() {
    Page page;
    for (u64 count : huge_numbers) {
        for (u32 call : {hc::mmu_update, hc::mmuext_op, hc::multicall}) {
            refused(guest::hypercall(call, unmapped, count | 1, 0, abi::domid_self.value), "a batch of nothing");
        }
        for (u32 command = 0; command <= 12; ++command) {
            expect(guest::hypercall(hc::grant_table_op, command, unmapped, count | 1) != 0, "grants of nothing");
        }
        (void)guest::hypercall(hc::console_io, abi::consoleio::write, count | 1, unmapped);
        (void)guest::hypercall(hc::console_io, abi::consoleio::write, count | 1, ~u64{0} - 8);
    }
}

// The list begins in mapped memory and runs into the hypervisor's: the addresses must not wrap either.
void lists_at_the_edge() {
    constexpr u64 last_of_guest = 0x7ffffffff000;
    Page page;
    expect(pt::map(pt::kernel_root(), last_of_guest, page.writable()), "the last page of the lower half");
    for (u64 offset : {u64{0xff8}, u64{0xffc}, u64{0xfff}}) {
        for (u32 call = 0; call < 42; ++call) {
            bool harmless = call == hc::iret || call == hc::sched_op || call == hc::stack_switch ||
                            call == hc::set_callbacks || call == hc::sched_op_compat || call == hc::fpu_taskswitch;
            if (!harmless) { (void)guest::hypercall(call, last_of_guest + offset, 3, 0, abi::domid_self.value); }
        }
        for (u32 command = 0; command < 32; ++command) {
            (void)guest::hypercall(hc::memory_op, command, last_of_guest + offset);
            (void)guest::hypercall(hc::event_channel_op, command, last_of_guest + offset);
            (void)guest::hypercall(hc::physdev_op, command, last_of_guest + offset);
            (void)guest::hypercall(hc::grant_table_op, command, last_of_guest + offset, 3);
        }
    }
    expect(pt::clear(pt::kernel_root(), last_of_guest), "unmapped");
    accepted(guest::set_gdt(nullptr, 0), "no table");
    guest::trap::initialise();
}

void reservation_orders() {
    u64 before = reservation_now();
    u64 extents[4]{};
    for (u32 command :
         {abi::memop::increase_reservation, abi::memop::decrease_reservation, abi::memop::populate_physmap}) {
        for (u32 order : {19u, 20u, 31u, 32u, 51u, 52u, 63u, 64u, 255u, 0x80000000u, 0xffffffffu}) {
            abi::MemoryReservation request{.extent_start = guest::pointer_to(&extents[0]),
                                           .nr_extents = 4,
                                           .extent_order = order,
                                           .mem_flags = 0,
                                           .domid = abi::domid_self,
                                           .pad = {}};
            expect(guest::memory_op(command, &request) <= 0, "a reservation of absurd order");
        }
    }
    expect(reservation_now() == before, "the reservation is as it was");
}

void reservation_counts() {
    u64 before = reservation_now();
    for (u64 count : huge_numbers) {
        // The progress that the command's upper bits claim may be beyond the count, too.
        for (u32 progress : {0u, 1u, 0x3ffffffu}) {
            for (u32 command :
                 {abi::memop::increase_reservation, abi::memop::decrease_reservation, abi::memop::populate_physmap}) {
                abi::MemoryReservation request{.extent_start = {unmapped},
                                               .nr_extents = count,
                                               .extent_order = 0,
                                               .mem_flags = 0,
                                               .domid = abi::domid_self,
                                               .pad = {}};
                (void)guest::memory_op(command | progress << abi::memop::progress_shift, &request);
            }
            abi::MemoryExchange exchange{};
            exchange.in = {.extent_start = {unmapped},
                           .nr_extents = count,
                           .extent_order = 63,
                           .mem_flags = 0,
                           .domid = abi::domid_self,
                           .pad = {}};
            exchange.out = exchange.in;
            exchange.out.extent_order = 0;
            exchange.nr_exchanged = count - progress;
            expect(guest::memory_op(abi::memop::exchange | progress << 6, &exchange) != 0, "an absurd exchange");
        }
    }
    expect(reservation_now() == before, "the reservation is as it was");
}

// The claimed progress of a batch, and where it is told.
void batch_progress() {
    abi::MmuextOp flush{};
    flush.cmd = abi::mmuext::tlb_flush_local;
    u64 root = pt::kernel_root().value;
    u64 before = pt::table(pt::kernel_root())[0];
    (void)guest::hypercall(hc::mmuext_op, address_of(&flush), abi::mmu_update_preempted | 1, root << 12, 0x7ff0);
    // The count of what was done is written through guest memory, never into a page table or the hypervisor.
    u64 table_in_guest = address_of(pt::table(pt::kernel_root()));
    (void)guest::hypercall(hc::mmuext_op, address_of(&flush), 1, table_in_guest, abi::domid_self.value);
    expect(pt::table(pt::kernel_root())[0] == before, "the root was written");
    u64 m2p = *reinterpret_cast<u64 volatile*>(abi::machphys_virt_start + 8 * root);
    (void)guest::hypercall(hc::mmuext_op, address_of(&flush), 1, abi::machphys_virt_start + 8 * root,
                           abi::domid_self.value);
    expect(*reinterpret_cast<u64 volatile*>(abi::machphys_virt_start + 8 * root) == m2p, "the M2P table was written");
}

void table_sizes() {
    Page page;
    page.protect();
    Mfn frames[16]{};
    for (Mfn& frame : frames) { frame = page.frame(); }
    for (u64 count : huge_numbers) {
        if (static_cast<u32>(count) != 0) {
            refused(guest::set_gdt(frames, static_cast<u32>(count)), "a GDT that is too big");
        }
        abi::MmuextOp op{};
        op.cmd = abi::mmuext::set_ldt;
        op.arg1.linear_addr = {page.address()};
        op.arg2.raw = count;
        if (static_cast<u32>(count) != 0) { refused(guest::mmuext_op(&op, 1), "an LDT that is too big"); }
    }
    abi::PhysdevSetIobitmap bitmap{
        .bitmap = guest::pointer_to(static_cast<u8*>(page.memory())), .nr_ports = 0xffffffff, .pad = 0};
    refused(guest::physdev_op(abi::physdevop::set_iobitmap, &bitmap), "an I/O bitmap of too many ports");
    abi::PhysdevSetIopl iopl{.iopl = 0xffffffff};
    refused(guest::physdev_op(abi::physdevop::set_iopl, &iopl), "an I/O privilege level that does not exist");
    abi::SchedPoll poll{.ports = {unmapped}, .nr_ports = 0xffffffff, .pad = 0, .timeout = 1};
    refused(guest::sched_op(abi::schedop::poll, &poll), "a poll of too many ports");
}

void vcpu_numbers() {
    static constinit abi::VcpuGuestContext context{};
    for (u32 vcpu : {4u, 31u, 32u, 63u, 64u, 127u, 128u, 8192u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        for (u32 command = 0; command <= 14; ++command) {
            refused(guest::vcpu_op(command, vcpu, &context), "a vCPU that is not there");
        }
    }
}

// Pointers of every kind into the hypervisor's memory, the non-canonical half and nowhere.
void pointers() {
    u64 m2p_place = abi::machphys_virt_start + 8 * pt::kernel_root().value;
    u64 before = *reinterpret_cast<u64 volatile*>(m2p_place);
    for (u64 pointer : {m2p_place, abi::hypervisor_virt_start, abi::hypervisor_virt_end - 8, u64{0xffff820000000000},
                        u64{0xffff830000000000}, u64{1} << 47, u64{1} << 63, ~u64{7}, unmapped, u64{0x7ffffffffffc}}) {
        refused(guest::hypercall(hc::xen_version, abi::xenver::get_features, pointer),
                "a result goes to forbidden memory");
        refused(guest::hypercall(hc::xen_version, abi::xenver::extraversion, pointer), "a string, too");
        refused(guest::hypercall(hc::event_channel_op, abi::evtchnop::bind_ipi, pointer), "and a port");
        refused(guest::hypercall(hc::memory_op, abi::memop::machphys_mapping, pointer), "and a mapping");
        refused(guest::hypercall(hc::vcpu_op, abi::vcpuop::get_runstate_info, 0, pointer), "and a state");
        refused(guest::hypercall(hc::sched_op, abi::schedop::poll, pointer), "a list is read from there");
        abi::VcpuRegisterRunstateMemoryArea area{.addr = {pointer}};
        (void)guest::vcpu_op(abi::vcpuop::register_runstate_memory_area, 0, &area);
        guest::time::sleep_until(guest::time::now() + 1000);
    }
    static constinit abi::VcpuRunstateInfo mine{};
    abi::VcpuRegisterRunstateMemoryArea area{.addr = guest::pointer_to(&mine)};
    accepted(guest::vcpu_op(abi::vcpuop::register_runstate_memory_area, 0, &area), "a runstate area of our own");
    expect(*reinterpret_cast<u64 volatile*>(m2p_place) == before, "the machine-to-physical table is as it was");
}

constexpr std::array list{
    Attack{"numbers.batch_counts", batch_counts},
    Attack{"numbers.lists_at_the_edge", lists_at_the_edge},
    Attack{"numbers.reservation_orders", reservation_orders},
    Attack{"numbers.reservation_counts", reservation_counts},
    Attack{"numbers.batch_progress", batch_progress},
    Attack{"numbers.table_sizes", table_sizes},
    Attack{"numbers.vcpu_numbers", vcpu_numbers},
    Attack{"numbers.pointers", pointers},
};
}  // namespace

Topic number_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

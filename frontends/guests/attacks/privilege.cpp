// SPDX-License-Identifier: MIT
// What only dom0 may: every privileged hypercall, and every frame that is not the guest's.
#include <array>

#include "attack.hpp"
#include "public/domctl.hpp"
#include "public/platform.hpp"
#include "public/sysctl.hpp"
#include "runtime/console.hpp"

namespace attacks {
namespace {
namespace hc = abi::hypercall;
namespace pt = guest::page_table;
namespace pte = guest::pte;

constexpr u16 targets[] = {0, 1, 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4, 0xffff};

// Structures with a recognisable content that a refused call leaves alone.
template <class T>
struct Argument {
    T value;
    Argument() { __builtin_memset(&value, 0x11, sizeof(value)); }
    bool untouched(std::size_t from) const {
        auto const* bytes = reinterpret_cast<u8 const volatile*>(&value);
        for (std::size_t i = from; i < sizeof(value); ++i) {
            if (bytes[i] != 0x11) { return false; }
        }
        return true;
    }
};

void domctl() {
    for (u32 command = 0; command <= 90; ++command) {
        for (u16 domid : targets) {
            Argument<abi::Domctl> op;
            op.value.cmd = command;
            op.value.interface_version = abi::domctl_interface_version;
            op.value.domain = {domid};
            refused(guest::hypercall(hc::domctl, address_of(&op)), "a domctl");
            expect(op.untouched(16) && op.value.domain.value == domid, "which tells nothing");
        }
    }
}

void sysctl() {
    for (u32 command = 0; command <= 40; ++command) {
        Argument<abi::Sysctl> op;
        op.value.cmd = command;
        op.value.interface_version = abi::sysctl_interface_version;
        refused(guest::hypercall(hc::sysctl, address_of(&op)), "a sysctl");
        expect(op.untouched(8), "which tells nothing");
    }
}

void platform() {
    for (u32 command = 0; command <= 80; ++command) {
        Argument<std::array<u8, 264>> op;
        *reinterpret_cast<u32*>(&op.value) = command;
        *reinterpret_cast<u32*>(op.value.data() + 4) = abi::platform_interface_version;
        refused(guest::hypercall(hc::platform_op, address_of(&op)), "a platform operation");
        expect(op.untouched(8), "which tells nothing");
    }
}

void other_privileged_calls() {
    Argument<std::array<u8, 512>> op;
    for (u32 call : {27u, 31u, 34u, 37u, 38u, 39u, 40u, 41u, 42u, 48u, 49u, 55u}) {
        for (u32 command = 0; command < 32; ++command) {
            refused(guest::hypercall(call, command, address_of(&op), 1), "a call that no guest of ours may make");
        }
    }
    expect(op.untouched(0), "nothing was told");
    char buffer[64];
    refused(guest::console_io(abi::consoleio::read, sizeof(buffer), buffer), "the machine's keyboard is read");
}

void physical_devices() {
    for (u32 command = 4; command <= 32; ++command) {
        bool own_affair = command == abi::physdevop::set_iopl || command == abi::physdevop::set_iobitmap;
        for (u32 fill : {0u, 1u, 0x11u}) {
            alignas(8) std::array<u8, 128> op;
            op.fill(static_cast<u8>(fill));
            i64 result = guest::hypercall(hc::physdev_op, command, address_of(op.data()));
            expect(result < 0 || own_affair || command == 5 || command == 9 || command == 28,
                   "an operation on a device");
            if (result >= 0 && !own_affair) { guest::print("  physdev_op {} fill {:x}: {}\n", command, fill, result); }
        }
    }
    abi::PhysdevSetIopl iopl{.iopl = 0};
    accepted(guest::physdev_op(abi::physdevop::set_iopl, &iopl), "no I/O privilege");
    abi::PhysdevSetIobitmap none{.bitmap = {}, .nr_ports = 0, .pad = 0};
    accepted(guest::physdev_op(abi::physdevop::set_iobitmap, &none), "no I/O bitmap");
}

void memory_operations() {
    for (u16 domid : targets) {
        if (domid == abi::domid_self.value) { continue; }
        u64 extent = 0x5000;
        abi::MemoryReservation request{.extent_start = guest::pointer_to(&extent),
                                       .nr_extents = 1,
                                       .extent_order = 0,
                                       .mem_flags = 0,
                                       .domid = {domid},
                                       .pad = {}};
        for (u32 command : {abi::memop::increase_reservation, abi::memop::decrease_reservation,
                            abi::memop::populate_physmap, abi::memop::claim_pages}) {
            expect(guest::memory_op(command, &request) <= 0 && extent == 0x5000, "another's reservation");
        }
        abi::MemoryDomain domain{.domid = {domid}};
        for (u32 command :
             {abi::memop::current_reservation, abi::memop::maximum_reservation, abi::memop::maximum_gpfn}) {
            refused(guest::memory_op(command, &domain), "another's numbers");
        }
        abi::AddToPhysmap add{.domid = {domid}, .size = 0, .space = abi::mapspace::grant_table, .idx = 0, .gpfn = {5}};
        refused(guest::memory_op(abi::memop::add_to_physmap, &add), "another's physical map");
        Mfn frame{0};
        abi::MemAcquireResource resource{.domid = {domid},
                                         .type = abi::resource::grant_table,
                                         .id = 0,
                                         .nr_frames = 1,
                                         .pad = 0,
                                         .frame = 0,
                                         .frame_list = guest::pointer_to(&frame)};
        refused(guest::memory_op(abi::memop::acquire_resource, &resource), "another's grant table");
        expect(frame.value == 0, "and its frame");
    }
    static constinit std::array<u8, 4096> buffer{};
    abi::MemoryMap map{.nr_entries = 100, .pad = 0, .buffer = {address_of(buffer.data())}};
    refused(guest::memory_op(abi::memop::machine_memory_map, &map), "the machine's memory map");
    abi::MachphysMfnList list{
        .max_extents = 1, .pad0 = 0, .extent_start = {address_of(buffer.data())}, .nr_extents = 0, .pad1 = 0};
    refused(guest::memory_op(abi::memop::machphys_mfn_list, &list), "the frames of the machine-to-physical table");
    for (u8 byte : buffer) { expect(byte == 0, "nothing was told"); }
}

void shut_down_others() {
    for (u16 domid : targets) {
        if (domid == abi::domid_self.value) { continue; }
        abi::SchedRemoteShutdown op{.domain_id = {domid}, .pad = 0, .reason = 0};
        refused(guest::sched_op(abi::schedop::remote_shutdown, &op), "another domain's end");
    }
}

// Every frame of the machine that is not ours, to be read.
void foreign_frames() {
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    u64 last = static_cast<u64>(guest::memory_op(abi::memop::maximum_ram_page, static_cast<u64*>(nullptr)));
    for (u64 mfn = 0; mfn <= last + 64; ++mfn) {
        if (is_mine(mfn) || guest::update_va_mapping(test_address, pt::entry(Mfn{mfn}, pte::read_only)) != 0) {
            continue;
        }
        // What the hypervisor shares with us is no secret: our own shared_info and grant table.
        expect(guest::memory::machine_to_pfn(Mfn{mfn}).value == abi::shared_m2p_entry,
               "a frame of another's is mapped");
    }
    for (u64 mfn : {u64{0xfee00}, u64{0xfec00}, u64{0xfed00}, u64{0xfd000}, u64{0xa0}, u64{0xb8}, u64{1} << 28}) {
        refused(guest::update_va_mapping(test_address, pt::entry(Mfn{mfn}, pte::read_only)), "a device's memory");
        refused(
            guest::update_va_mapping_otherdomain(test_address, pt::entry(Mfn{mfn}, pte::read_only), 0, abi::domid_io),
            "in its own name, too");
    }
    (void)guest::update_va_mapping(test_address, 0);
}

// The second half of the argument says whose the tables are, plus one.
i64 write_entry_of(u16 owner, u64 place, u64 value) {
    abi::MmuUpdate update{.ptr = place, .val = value};
    return guest::mmu_update(&update, 1, nullptr, abi::domid_self.value | (u32{owner} + 1) << 16);
}

// Another's frames are guessed: all there are. Whether one of them was changed, its owner tells.
void foreign_tables() {
    expect(pt::map(pt::kernel_root(), test_address, 0), "tables");
    for (u16 domid : {u16{0}, u16{1}, u16{0x7ff2}, u16{9999}}) {
        refused(write_entry(place_of_test(1), 0, domid), "a table of another's");
        for (u32 command = 0; command <= 20; ++command) {
            abi::MmuextOp op{};
            op.cmd = command;
            op.arg1.mfn = Mfn{0x1000};
            refused(guest::mmuext_op(&op, 1, nullptr, domid), "an operation on another's tables");
        }
    }
    for (u64 mfn = 0; mfn < 0x20000; mfn += 7) {
        if (is_mine(mfn)) { continue; }
        for (u16 domid : {u16{0}, u16{1}}) {
            refused(write_entry_of(domid, mfn << 12, 0), "an entry of another's table");
            u64 const entry = pt::entry(Mfn{mfn}, pte::read_write);
            refused(guest::update_va_mapping_otherdomain(test_address, entry, 0, {domid}), "another's frame");
            expect(entry_of_test(1) == 0, "which is not mapped");
        }
        refused(write_entry(mfn << 12, 0), "a store into another's frame");
        abi::MmuextOp op{};
        op.cmd = abi::mmuext::clear_page;
        op.arg1.mfn = Mfn{mfn};
        refused(guest::mmuext_op(&op, 1), "another's page is cleared");
        refused(guest::update_descriptor(mfn << 12, 0), "a descriptor in another's page");
        refused(write_entry(mfn << 12 | abi::mmu::machphys_update, 5), "another's machine-to-physical entry");
    }
}

constexpr std::array list{
    Attack{"privilege.domctl", domctl},
    Attack{"privilege.sysctl", sysctl},
    Attack{"privilege.platform", platform},
    Attack{"privilege.other_privileged_calls", other_privileged_calls},
    Attack{"privilege.physical_devices", physical_devices},
    Attack{"privilege.memory_operations", memory_operations},
    Attack{"privilege.shut_down_others", shut_down_others},
    Attack{"privilege.foreign_frames", foreign_frames},
    Attack{"privilege.foreign_tables", foreign_tables},
};
}  // namespace

Topic privilege_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

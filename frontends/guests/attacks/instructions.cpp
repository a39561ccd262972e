// SPDX-License-Identifier: MIT
// Privileged instructions: model-specific and control registers, table registers, ports. The machine must not notice.
#include <array>

#include "attack.hpp"
#include "runtime/guest.hpp"

namespace attacks {
namespace {
namespace msr {
constexpr u32 efer = 0xc0000080, star = 0xc0000081, lstar = 0xc0000082, cstar = 0xc0000083, sfmask = 0xc0000084;
}

bool read_msr(u32 index, u64& value) {
    guest::TrapFrame frame{};
    return !guest::trap::attempt(
        [&] {
            u32 low, high;
            asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
            value = u64{high} << 32 | low;
        },
        frame);
}

void write_msr(u32 index, u64 value) {
    tries(
        [&] { asm volatile("wrmsr" ::"c"(index), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32))); });
}

// After each write a hypercall and a fault go through the hypervisor's entries.
void expect_entries_work() {
    expect(guest::xen_version() == (4 << 16 | 17), "hypercalls arrive");
    traps([] { *reinterpret_cast<u8 volatile*>(0x5000000000) = 0; }, guest::trap::page_fault, "faults arrive");
}

void model_specific_registers() {
    constexpr u32 registers[] = {0x10,       0x1b,       0x3a,        0x3b,       0x48,       0x49,       0x79,
                                 0x8b,       0xc1,       0xe7,        0x10a,      0x10b,      0x122,      0x174,
                                 0x175,      0x176,      0x179,       0x17a,      0x186,      0x198,      0x199,
                                 0x19a,      0x1a0,      0x1d9,       0x200,      0x201,      0x250,      0x277,
                                 0x2ff,      0x38f,      0x400,       0x480,      0x4c1,      0x600,      0x6e0,
                                 0x800,      0x808,      0x830,       0xda0,      0x40000000, msr::efer,  msr::star,
                                 msr::lstar, msr::cstar, msr::sfmask, 0xc0010015, 0xc0010114, 0xc0010117, 0xc001011f};
    for (u32 index : registers) {
        u64 before = 0;
        bool readable = read_msr(index, before);
        for (u64 value : {u64{0}, ~u64{0}, address_of("here"), before ^ 0x900}) {
            write_msr(index, value);
            expect_entries_work();
        }
        u64 after = 0;
        bool still = read_msr(index, after);
        expect(readable == still, "the register is as readable as it was");
        if (index != 0x10 && readable) { expect(after == before, "and holds what it held"); }
    }
}

void bases() {
    for (u32 index : {0xc0000100u, 0xc0000101u, 0xc0000102u}) {
        for (u64 value : {u64{1} << 47, u64{1} << 63, u64{0x7fffffffffffffff}}) {
            traps(
                [&] {
                    asm volatile("wrmsr" ::"c"(index), "a"(static_cast<u32>(value)),
                                 "d"(static_cast<u32>(value >> 32)));
                },
                guest::trap::general_protection, "a base that is not canonical");
        }
    }
    for (u32 which = 0; which < 3; ++which) {
        refused(guest::set_segment_base(which, u64{1} << 63), "a base that is not canonical");
    }
    for (u64 selector = 0; selector < 0x10000; selector += 0x333) {
        (void)guest::set_segment_base(abi::segbase::gs_user_sel, selector);
    }
    accepted(guest::set_segment_base(abi::segbase::gs_user_sel, 0), "a null selector");
}

u64 read_cr0() {
    u64 value;
    asm volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}
u64 read_cr4() {
    u64 value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

void control_registers() {
    u64 cr0 = read_cr0();
    u64 cr4 = read_cr4();
    for (unsigned bit = 0; bit < 64; ++bit) {
        if (bit != 3) {
            tries([&] { asm volatile("mov %0, %%cr0" ::"r"(cr0 ^ u64{1} << bit)); });
            expect(read_cr0() == cr0, "a bit of CR0 is changed");
        }
        tries([&] { asm volatile("mov %0, %%cr4" ::"r"(cr4 ^ u64{1} << bit)); });
        expect_entries_work();
    }
    tries([&] { asm volatile("mov %0, %%cr0" ::"r"(cr0)); });
    tries([&] { asm volatile("mov %0, %%cr4" ::"r"(cr4)); });
    expect(read_cr0() == cr0 && read_cr4() == cr4, "the registers read as they did");
    // Write protection is really on: a read-only page stays read-only.
    Page page;
    page.words()[0] = u64{1} << 45 | 1;  // no root could have this
    page.protect();
    traps([&] { page.as()[0] = 1; }, guest::trap::page_fault, "a store into a read-only page");
    for (u64 root : {u64{0}, page.frame().value << 12, ~u64{0}, u64{1} << 51,
                     guest::page_table::kernel_root().value << 12 | 0xfff}) {
        tries([&] { asm volatile("mov %0, %%cr3" ::"r"(root)); });
        expect_entries_work();
    }
    tries([] { asm volatile("mov %0, %%cr8" ::"r"(u64{15})); });
}

void table_registers() {
    static constinit struct [[gnu::packed]] {
        u16 limit;
        u64 base;
    } table{0xfff, 0};
    traps([] { asm volatile("lgdt %0" ::"m"(table)); }, "lgdt");
    traps([] { asm volatile("lidt %0" ::"m"(table)); }, "lidt");
    traps([] { asm volatile("lldt %0" ::"r"(u16{0})); }, "lldt");
    traps([] { asm volatile("ltr %0" ::"r"(u16{0x40})); }, "ltr");
    traps([] { asm volatile("invlpg (%0)" ::"r"(&table)); }, "invlpg of a guest that may only ask for it");
    tries([] { asm volatile("invd"); });
    traps([] { asm volatile("hlt"); }, "hlt");
    traps([] { asm volatile("sysretq"); }, "sysret");
    traps([] { asm volatile("swapgs"); }, "swapgs");
    traps([] { asm volatile("vmcall"); }, "vmcall");
    traps([] { asm volatile("monitor" ::"a"(&table), "c"(0), "d"(0)); }, "monitor");
    traps([] { asm volatile("int $0x82"); }, "an interrupt without a gate");
    for (int i = 0; i < 2; ++i) {
        traps([] { asm volatile("int $8"); }, "a double fault by software");
    }
    expect_entries_work();
}

// Ports that would end the machine, or steal a device: the keyboard controller's reset, the chipset's, ACPI's
// power-off, PCI configuration, the timer, the interrupt controllers, the hypervisor's serial port.
void ports() {
    constexpr u16 interesting[] = {0x20,  0x21,  0x40,  0x43,  0x60,  0x64,  0x70,  0x71,   0x92,  0xa1,  0x1f7,
                                   0x3f8, 0x3f9, 0x3fd, 0x402, 0x510, 0x600, 0x604, 0xb004, 0xcf8, 0xcf9, 0xcfc};
    abi::PhysdevSetIopl op{.iopl = 3};
    for (u32 level : {0u, 1u, 3u}) {
        op.iopl = level;
        (void)guest::physdev_op(abi::physdevop::set_iopl, &op);
        for (u16 port : interesting) {
            u32 value = 0xffffffff;
            tries([&] { asm volatile("outb %0, %1" ::"a"(static_cast<u8>(0xfe)), "d"(port)); });
            tries([&] { asm volatile("outw %0, %1" ::"a"(static_cast<u16>(0x2000)), "d"(port)); });
            tries([&] { asm volatile("outl %0, %1" ::"a"(u32{0x06060606}), "d"(port)); });
            tries([&] { asm volatile("inl %1, %0" : "=a"(value) : "d"(port)); });
            expect(value == 0xffffffff, "a device answers");
        }
    }
    op.iopl = 0;
    (void)guest::physdev_op(abi::physdevop::set_iopl, &op);
    auto* bitmap = static_cast<u8*>(guest::memory::allocate_contiguous(2));
    abi::PhysdevSetIobitmap open{.bitmap = guest::pointer_to(bitmap), .nr_ports = 65536, .pad = 0};
    (void)guest::physdev_op(abi::physdevop::set_iobitmap, &open);
    for (u16 port : interesting) {
        u32 value = 0xffffffff;
        tries([&] { asm volatile("inl %1, %0" : "=a"(value) : "d"(port)); });
        expect(value == 0xffffffff, "a bitmap of its own opens a device to the guest");
    }
    open.nr_ports = 0;
    (void)guest::physdev_op(abi::physdevop::set_iobitmap, &open);
    // A string instruction at the hypervisor's memory and across what is mapped.
    tries([&] { asm volatile("rep outsb" ::"S"(abi::hypervisor_virt_start), "c"(16), "d"(0x80)); });
    tries([&] { asm volatile("rep insb" ::"D"(abi::machphys_virt_start), "c"(16), "d"(0x80) : "memory"); });
    guest::memory::release(bitmap);
    guest::memory::release(bitmap + guest::page_size);
    expect_entries_work();
}

// Where another vCPU computes must not be seen by the next one on its processor (XSA-52): it is left out of the saved
// state by those that do not say otherwise in CPUID leaf 0x80000008.
constinit u32 volatile place_of_computing = 0;

bool processor_saves_fpu_pointers() {
    u32 eax = 0x80000008, ebx, ecx = 0, edx;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return (ebx & 1u << 2) != 0;
}

void compute() {
    u64 place;
    asm volatile("fld1; 1: fstp %%st(0); lea 1b(%%rip), %0" : "=r"(place));
    place_of_computing = static_cast<u32>(place);
    (void)guest::sched_op(abi::schedop::yield);
}

void fpu_pointers() {
    if (processor_saves_fpu_pointers()) {
        guest::print("  the processor sees to them\n");
        return;
    }
    start_racer(compute);
    for (Race race; race.goes_on();) {
        (void)guest::sched_op(abi::schedop::yield);
        std::array<u32, 7> environment{};
        asm volatile("fnstenv %0" : "=m"(environment));
        expect(environment[3] == 0 || environment[3] != place_of_computing, "where another vCPU computes");
    }
    stop_racer();
}

constexpr std::array list{
    Attack{"instructions.model_specific_registers", model_specific_registers},
    Attack{"instructions.bases", bases},
    Attack{"instructions.control_registers", control_registers},
    Attack{"instructions.table_registers", table_registers},
    Attack{"instructions.ports", ports},
    Attack{"instructions.fpu_pointers", fpu_pointers},
};
}  // namespace

Topic instruction_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

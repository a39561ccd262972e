// SPDX-License-Identifier: MIT
// IN and OUT: who may, and what is there. Port 0xed answers nowhere; 0x71 is the real clock's in dom0.
#include <array>

#include "privileged.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"

namespace selftest {
namespace {
constexpr u16 quiet_port = 0xed;

u8 in8(u16 port) {
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}
u16 in16(u16 port) {
    u16 value;
    asm volatile("inw %1, %0" : "=a"(value) : "d"(port));
    return value;
}
u32 in32(u16 port) {
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
    return value;
}
void out8(u16 port, u8 value) { asm volatile("outb %0, %1" ::"a"(value), "d"(port)); }

i64 set_iopl(u32 level) {
    abi::PhysdevSetIopl op{.iopl = level};
    return guest::physdev_op(abi::physdevop::set_iopl, &op);
}

void test_bitmap() {
    auto* bitmap = static_cast<u8*>(guest::memory::allocate_contiguous(2));
    __builtin_memset(bitmap, 0xff, 8192);
    bitmap[quiet_port / 8] = static_cast<u8>(~(1u << quiet_port % 8));
    abi::PhysdevSetIobitmap op{.bitmap = guest::pointer_to(bitmap), .nr_ports = 65536, .pad = 0};
    ok(guest::physdev_op(abi::physdevop::set_iobitmap, &op), "set_iobitmap");
    runs([] { (void)in8(quiet_port); }, "a port that the bitmap opens");
    traps([] { (void)in16(quiet_port); }, guest::trap::general_protection, 0, "two ports, one of them closed");
    traps([] { (void)in8(quiet_port + 1); }, guest::trap::general_protection, 0, "a port that it does not");
    op.nr_ports = 65537;
    fails(guest::physdev_op(abi::physdevop::set_iobitmap, &op), Errno::inval, "a bitmap of too many ports");
    op.nr_ports = 0;
    ok(guest::physdev_op(abi::physdevop::set_iobitmap, &op), "no bitmap");
    traps([] { (void)in8(quiet_port); }, guest::trap::general_protection, 0, "closes all");
    guest::memory::release(bitmap);
    guest::memory::release(bitmap + guest::page_size);
}
}  // namespace

void test_ports() {
    traps([] { (void)in8(quiet_port); }, guest::trap::general_protection, 0, "a port without I/O privilege");
    traps([] { out8(quiet_port, 0); }, guest::trap::general_protection, 0, "and output");
    test_bitmap();
    ok(set_iopl(1), "with I/O privilege");
    u32 value = 0;
    runs([&] { value = in8(quiet_port); }, "in of 8 bits");
    equal(value, 0xff, "reads ones where nothing answers");
    runs([&] { value = in16(quiet_port + 1); }, "in of 16 bits");
    equal(value, 0xffff, "likewise");
    runs([&] { value = in32(0xcf4); }, "in of 32 bits");
    equal(value, 0xffffffff, "likewise");
    runs([] { asm volatile("in $0xed, %%al" ::: "rax"); }, "in with an immediate port");
    runs([] { out8(quiet_port, 1); }, "out");
    static constinit std::array<u8, 4> buffer{};
    runs(
        [] {
            void* to = buffer.data();
            u64 count = buffer.size();
            asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(quiet_port) : "memory");
            check(count == 0 && to == buffer.data() + buffer.size(), "rep insb counts to its end");
        },
        "rep insb");
    equal(buffer[3], 0xff, "and stores what it read");
    // The first serial port is the hypervisor's console: not there for anyone else.
    runs([&] { value = in8(0x3fd); }, "in from the console's port");
    equal(value, 0xff, "reads ones");
    if (guest::is_dom0()) {
        runs([] { out8(0x70, 0x0d); }, "out to the real-time clock's index");
        runs([&] { value = in8(0x71); }, "in from its data");
        equal(value & 0x80, 0x80, "says that its battery is good");
        abi::PhysdevSetIopl three{.iopl = 3};
        ok(guest::physdev_op(abi::physdevop::set_iopl, &three), "set_iopl 3");
    }
    runs([] { (void)in8(quiet_port); }, "a port that is open");
    ok(set_iopl(0), "without I/O privilege again");
    traps([] { (void)in8(quiet_port); }, guest::trap::general_protection, 0, "it is closed again");
}
}  // namespace selftest

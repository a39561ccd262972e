// SPDX-License-Identifier: MIT
#include "x86/dev/power.hpp"

#include "base/log.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/dev/acpi.hpp"

namespace hv::power {
namespace {

constinit bool may_reboot = true;

void wait_a_while() {  // about half a second: every port access takes a microsecond on real machines
    for (u32 i = 0; i < 500'000; ++i) (void)cpu::inb(0x80);
}

void reset_by_acpi() {
    acpi::PortRegister reset = acpi::reset_register();
    if (!reset.port) return;
    cpu::outb(reset.port, reset.value);
    wait_a_while();
}

void reset_by_chipset() {
    u8 value = cpu::inb(0xcf9) & ~0x06;
    cpu::outb(0xcf9, static_cast<u8>(value | 0x02));  // a hard reset
    cpu::outb(0xcf9, static_cast<u8>(value | 0x06));  // now
    wait_a_while();
}

void reset_by_keyboard_controller() {
    for (u32 i = 0; i < 0x10000 && cpu::inb(0x64) & 2; ++i) cpu::pause();
    cpu::outb(0x64, 0xfe);  // pulse the reset line
    wait_a_while();
}

void reset_by_triple_fault() {
    cpu::lidt({.limit = 0, .base = 0});
    asm volatile("ud2");
}

}  // namespace

void forbid_reboot() { may_reboot = false; }
bool reboot_allowed() { return may_reboot; }

void halt() {
    log::info("halted");
    for (;;) {
        cpu::cli();
        cpu::halt();
    }
}

void off() {
    cpu::cli();
    acpi::power_off();
    wait_a_while();
    log::error("the machine did not turn off");
    halt();
}

void reboot() {
    cpu::cli();
    if (!may_reboot) halt();
    reset_by_acpi();
    reset_by_chipset();
    reset_by_keyboard_controller();
    reset_by_triple_fault();
    halt();
}

}  // namespace hv::power

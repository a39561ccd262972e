// SPDX-License-Identifier: MIT
#include "core/hal/power.hpp"
#include "base/log.hpp"
#include "x86/boot/smp.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/serial.hpp"
#include "x86/panic.hpp"

namespace hv::power {
namespace {
constinit bool may_reboot = true;

void wait_a_while() {  // about half a second: every port access takes a microsecond on real machines
    for (u32 i = 0; i < 500'000; ++i) (void)cpu::inb(0x80);
}

// Whatever follows, the console has been told all.
void stop_all_else() {
    smp::stop_others();
    serial::finish();
}

// By ACPI's register, by the chipset, by the keyboard controller, by a triple fault.
void reset() {
    if (acpi::PortRegister reg = acpi::machine.fixed.reset; reg.port) {
        cpu::outb(reg.port, reg.value);
        wait_a_while();
    }
    u8 value = cpu::inb(0xcf9) & ~0x06;
    cpu::outb(0xcf9, static_cast<u8>(value | 0x02));  // a hard reset
    cpu::outb(0xcf9, static_cast<u8>(value | 0x06));  // now
    wait_a_while();
    for (u32 i = 0; i < 0x10000 && cpu::inb(0x64) & 2; ++i) cpu::pause();
    cpu::outb(0x64, 0xfe);  // pulse the reset line
    wait_a_while();
    cpu::lidt({.limit = 0, .base = 0});
    asm volatile("ud2");
}
}  // namespace

void forbid_reboot() { may_reboot = false; }
}  // namespace hv::power

namespace hv::hal {
bool reboot_allowed() { return power::may_reboot; }

void machine_halt() {
    log::info("halted");
    power::stop_all_else();
    cpu::halt_for_good();
}

void machine_power_off() {
    power::stop_all_else();
    acpi::power_off();
    power::wait_a_while();
    log::error("the machine did not turn off");
    machine_halt();
}

void machine_reboot() {
    power::stop_all_else();
    if (power::may_reboot) power::reset();
    machine_halt();
}
}  // namespace hv::hal

// SPDX-License-Identifier: MIT
#include "x86/dev/serial.hpp"
#include <algorithm>
#include <array>
#include <atomic>
#include "base/lock.hpp"
#include "base/log.hpp"
#include "core/hal/power.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/irq.hpp"

namespace hv::serial {
namespace {
constexpr u8 divisor_access = 0x80;

struct Input {
    std::array<char, 1024> bytes{};
    u32 start = 0;
    u32 end = 0;
};

constinit u16 base = 0;  // 0: none
constinit u8 irq = 0;
constinit Spinlock<LockRank::console_input> input_lock;
constinit Input input;  // under the lock

struct Port {
    static u8 get(Register reg) { return cpu::inb(static_cast<u16>(base + reg)); }
    static void set(Register reg, u8 value) { cpu::outb(static_cast<u16>(base + reg), value); }
};
constinit UartOutput<Port> output{};
constinit Spinlock<LockRank::console_output> output_lock;
constinit std::atomic<bool> by_interrupt{false};

u8 line_format(boot::SerialPort const& port) {
    u8 parity = port.parity == boot::Parity::none ? 0 : port.parity == boot::Parity::odd ? 0x08 : 0x18;
    return static_cast<u8>((port.data_bits - 5) | (port.stop_bits == 2 ? 0x04 : 0) | parity);
}

// Of a line that sends without end, or a port that is gone and reads as all ones, no more than there is room for at a
// time: serve() is interrupted again while there is more.
bool take_input() {
    SpinGuard guard{input_lock};
    bool any = false;
    for (usize i = 0; i < input.bytes.size() && Port::get(line_status) & status_received; ++i) {
        char c = static_cast<char>(Port::get(data));
        if (input.end - input.start < input.bytes.size()) input.bytes[input.end++ % input.bytes.size()] = c;
        any = true;
    }
    return any;
}
}  // namespace

void init(boot::SerialPort const& port) {
    base = port.io_base;
    irq = port.irq;
    u8 format = line_format(port);
    u32 divisor = 115200 / port.baud;
    Port::set(interrupt_enable, 0);
    Port::set(line_control, static_cast<u8>(format | divisor_access));
    Port::set(data, static_cast<u8>(divisor));
    Port::set(interrupt_enable, static_cast<u8>(divisor >> 8));
    Port::set(line_control, format);
    Port::set(fifo_control, 0x07);                 // on, both emptied
    Port::set(modem_control, 0x0b);                // DTR, RTS, and OUT2, which lets interrupts through
    if (Port::get(line_status) == 0xff) base = 0;  // nothing answers there
}

void use_interrupts() {
    if (!base) return;
    acpi::IrqRouting routing = acpi::machine.interrupts.isa[irq & 15];
    bool const claimed = irq::claim(routing.gsi, vector::console, routing.wiring);
    if (!claimed) {
        log::warn("console: no IO-APIC input for IRQ {}: typing goes unnoticed until dom0 asks, output waits", irq);
        return;
    }
    Port::set(interrupt_enable, on_received);
    by_interrupt.store(true, std::memory_order_relaxed);
}

bool serve() {
    bool const any = take_input();
    SpinGuard guard{output_lock};
    output.serve();
    return any;
}

void finish() {
    if (base && by_interrupt.exchange(false)) output.finish();
}
}  // namespace hv::serial

hv::usize hv::hal::console_read(std::span<char> out) {
    if (serial::base) serial::take_input();
    SpinGuard guard{serial::input_lock};
    serial::Input& queue = serial::input;
    usize count = std::min<usize>(out.size(), queue.end - queue.start);
    for (usize i = 0; i < count; ++i) out[i] = queue.bytes[queue.start++ % queue.bytes.size()];
    return count;
}

void hv::log::console_write(std::string_view line) {
    using namespace serial;
    if (!base) return;
    if (!by_interrupt.load(std::memory_order_relaxed)) return output.write_now(line);
    SpinGuard guard{output_lock};
    output.write_line(line);
}

hv::usize hv::log::console_write_some(std::string_view text) {
    using namespace serial;
    if (!base) return text.size();
    if (by_interrupt.load(std::memory_order_relaxed)) {
        SpinGuard guard{output_lock};
        return output.write_some(text);
    }
    text = text.substr(0, fifo_size);
    output.write_now(text);
    return text.size();
}

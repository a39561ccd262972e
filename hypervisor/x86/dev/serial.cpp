// SPDX-License-Identifier: MIT
// PC16550D data sheet, section 8.
#include "x86/dev/serial.hpp"
#include <algorithm>
#include <array>
#include "base/lock.hpp"
#include "base/log.hpp"
#include "core/hal.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/cpu/interrupts.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/irq.hpp"

namespace hv::serial {
namespace {
enum Register : u16 { data, interrupt_enable, fifo_control, line_control, modem_control, line_status };
constexpr u8 divisor_access = 0x80;
constexpr u8 status_received = 0x01;
constexpr u8 status_transmitter_empty = 0x20;
constexpr u32 fifo_size = 16;
constexpr u32 patience = 1'000'000;  // polls of a line that never drains, no flow control being used

struct Input {
    std::array<char, 1024> bytes{};
    u32 start = 0;
    u32 end = 0;
};

constinit u16 base = 0;  // 0: none
constinit u8 irq = 0;
constinit Locked<Input, LockRank::console_input> input;

u8 get(Register reg) { return cpu::inb(static_cast<u16>(base + reg)); }
void set(Register reg, u8 value) { cpu::outb(static_cast<u16>(base + reg), value); }

u8 line_format(boot::SerialPort const& port) {
    u8 parity = port.parity == boot::Parity::none ? 0 : port.parity == boot::Parity::odd ? 0x08 : 0x18;
    return static_cast<u8>((port.data_bits - 5) | (port.stop_bits == 2 ? 0x04 : 0) | parity);
}

bool wait_for_transmitter() {
    for (u32 i = 0; i < patience; ++i)
        if (get(line_status) & status_transmitter_empty) return true;
    return false;
}
}  // namespace

void init(boot::SerialPort const& port) {
    base = port.io_base;
    irq = port.irq;
    u8 format = line_format(port);
    u32 divisor = 115200 / port.baud;
    set(interrupt_enable, 0);
    set(line_control, static_cast<u8>(format | divisor_access));
    set(data, static_cast<u8>(divisor));
    set(interrupt_enable, static_cast<u8>(divisor >> 8));
    set(line_control, format);
    set(fifo_control, 0x07);                 // on, both emptied
    set(modem_control, 0x0b);                // DTR, RTS, and OUT2, which lets interrupts through
    if (get(line_status) == 0xff) base = 0;  // nothing answers there
}

// A full FIFO a time: the transmitter is asked once for sixteen bytes.
void write(std::string_view text) {
    if (!base) return;
    u32 room = 0;
    auto put = [&](char c) {
        if (!room) {
            if (!wait_for_transmitter()) return;
            room = fifo_size;
        }
        set(data, static_cast<u8>(c));
        --room;
    };
    for (char c : text) {
        if (c == '\n') put('\r');
        put(c);
    }
}

void start_input() {
    if (!base) return;
    set(interrupt_enable, 0x01);  // received data
    acpi::IrqRouting routing = acpi::routing_of_isa_irq(irq);
    if (!irq::claim(routing.gsi, vector::console, routing.wiring))
        log::warn("console: no IO-APIC input for IRQ {}, typing goes unnoticed until dom0 asks", irq);
}

bool receive() {
    if (!base) return false;
    auto queue = input.lock();
    bool any = false;
    while (get(line_status) & status_received) {
        char c = static_cast<char>(get(data));
        if (queue->end - queue->start < queue->bytes.size()) queue->bytes[queue->end++ % queue->bytes.size()] = c;
        any = true;
    }
    return any;
}
}  // namespace hv::serial

hv::usize hv::hal::console_read(std::span<char> out) {
    serial::receive();
    auto queue = serial::input.lock();
    usize count = std::min<usize>(out.size(), queue->end - queue->start);
    for (usize i = 0; i < count; ++i) out[i] = queue->bytes[queue->start++ % queue->bytes.size()];
    return count;
}

void hv::log::console_write(std::string_view text) { serial::write(text); }

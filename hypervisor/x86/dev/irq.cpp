// SPDX-License-Identifier: MIT
#include "x86/dev/irq.hpp"
#include <array>
#include <atomic>
#include "base/index.hpp"
#include "base/lock.hpp"
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/event/channels.hpp"
#include "core/event/pirq.hpp"
#include "core/hal/irq.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/acpi.hpp"
#include "x86/dev/pci.hpp"
#include "x86/dev/serial.hpp"
#include "x86/mm/paging.hpp"

namespace hv::irq {
namespace {
struct Line {
    enum class Kind : u8 { none, gsi, msi };

    Kind kind = Kind::none;
    u8 vector = 0;  // 0: none yet
    bool enabled = false;
    bool wired = false;  // by dom0, which may say so once: later calls know no better
    u32 gsi = 0;
    ioapic::Wiring wiring{};
    std::atomic<CpuId> cpu{0};
    msi::Message message{};

    bool is_level() const { return kind == Kind::gsi && wiring.level; }
    void set_masked(bool masked) {
        if (kind == Kind::gsi) ioapic::set_entry(gsi, vector, wiring, masked);
        else message.set_masked(masked);
    }
    bool can_move() const { return kind == Kind::gsi || message.is_in_memory() || !pci::are_ports_shared(); }
    void move(CpuId to) {
        cpu.store(to, std::memory_order_relaxed);
        if (kind == Kind::gsi) ioapic::set_destination(gsi, to);
        else message.retarget(to);
    }
};
constinit std::array<Line, PirqTable::size> lines{};
constinit std::array<std::atomic<Line*>, 256> by_vector{};
constinit std::array<bool, PirqTable::size> claimed{};  // by GSI: the hypervisor's own
constinit Spinlock<LockRank::device_interrupts> lock;   // guards all that changes above

Line& line_of(u32 pirq) { return lines[index_nospec(pirq, lines.size())]; }  // the caller has found it to be one

Result<> take_vector(Line& line) {
    for (u32 vector = vector::first_device; vector <= vector::last_device; ++vector) {
        if (vector == vector::linux_system_call || by_vector[vector].load(std::memory_order_relaxed)) continue;
        line.vector = static_cast<u8>(vector);
        line.cpu.store(this_cpu().id, std::memory_order_relaxed);
        by_vector[vector].store(&line, std::memory_order_release);
        return {};
    }
    return Errno::nospc;
}
// One of dom0's; false: it is not one of these. A level stays masked until dom0 has answered it. An interrupt that
// finds its vCPU on another CPU moves there.
bool deliver(u8 vector) {
    Line* line = by_vector[vector].load(std::memory_order_acquire);
    if (!line) return false;
    if (line->is_level()) line->set_masked(true);
    Vcpu const* vcpu = dom0().events->raise_pirq(static_cast<u32>(line - lines.data()));
    if (!vcpu) return true;
    CpuId wanted = vcpu->cpu.load(std::memory_order_relaxed);
    if (wanted == line->cpu.load(std::memory_order_relaxed)) [[likely]]
        return true;
    SpinGuard guard{lock};
    if (line->enabled && line->can_move()) line->move(wanted);
    return true;
}

void note(u32 work) { this_cpu().pending.fetch_or(work, std::memory_order_relaxed); }
}  // namespace

void handle(u8 number) {
    switch (number) {
        case vector::timer:
            this_cpu().deadline_tsc = ~u64{0};
            note(PendingWork::timer);
            break;
        case vector::kick: note(PendingWork::reschedule); break;
        case vector::console:
            if (serial::serve()) note(PendingWork::console);
            break;
        case vector::tlb: x86_tlb::answer(); break;
        case vector::apic_error: log::warn("cpu {}: APIC error {:x}", this_cpu().id, apic::take_error()); break;
        case vector::spurious:
        case vector::pic_spurious7:
        case vector::pic_spurious15: return;  // nobody waits for the end of these
        default:
            if (!deliver(number)) log::warn("cpu {}: unexpected interrupt vector {:x}", this_cpu().id, number);
    }
    apic::end_of_interrupt();
}

bool claim(u32 gsi, u8 vector, ioapic::Wiring wiring) {
    if (gsi >= claimed.size() || gsi >= hal::gsi_count()) return false;
    claimed[gsi] = true;
    ioapic::set_destination(gsi, 0);
    ioapic::set_entry(gsi, vector, wiring, false);
    return true;
}
}  // namespace hv::irq

namespace hv::hal {
using namespace irq;

void connect_gsi(u32 pirq, u32 gsi) {
    SpinGuard guard{lock};
    Line& line = line_of(pirq);
    line.kind = Line::Kind::gsi;
    line.gsi = gsi;
    line.wiring = acpi::wiring_of_gsi(gsi);
    line.wired = false;
}

Result<> connect_msi(u32 pirq, MsiSource const& source) {
    msi::Message message = TRY(msi::Message::find(source));
    SpinGuard guard{lock};
    for (Line const& line : lines)
        if (line.kind == Line::Kind::msi && line.message == message) return Errno::exist;
    Line& line = line_of(pirq);
    TRY(take_vector(line));
    line.kind = Line::Kind::msi;
    line.message = message;
    line.message.write(line.vector, line.cpu.load(std::memory_order_relaxed));
    return {};
}

void disconnect_irq(u32 pirq) {
    SpinGuard guard{lock};
    Line& line = line_of(pirq);
    if (line.vector) {
        line.set_masked(true);
        by_vector[line.vector].store(nullptr, std::memory_order_release);
    }
    line.vector = 0;
    line.kind = Line::Kind::none;
}

Result<> wire_gsi(u32 gsi, bool level, bool active_low) {
    SpinGuard guard{lock};
    Line& line = line_of(gsi);
    if (line.enabled || line.wired || claimed[gsi]) return Errno::exist;
    line.wiring = {.level = level, .active_low = active_low};
    line.wired = true;
    return {};
}

Result<> prepare_irq(u32 pirq) {
    SpinGuard guard{lock};
    Line& line = line_of(pirq);
    if (line.kind == Line::Kind::none) return Errno::inval;
    if (line.kind == Line::Kind::gsi && claimed[line.gsi]) return Errno::busy;
    if (!line.vector) TRY(take_vector(line));  // it keeps that until it is disconnected
    return {};
}

void enable_irq(u32 pirq) {
    SpinGuard guard{lock};
    Line& line = lines[pirq];
    if (line.kind == Line::Kind::gsi) line.move(line.cpu.load(std::memory_order_relaxed));
    line.enabled = true;
    line.set_masked(false);
}

void disable_irq(u32 pirq) {
    SpinGuard guard{lock};
    line_of(pirq).enabled = false;
    line_of(pirq).set_masked(true);
}

void end_irq(u32 pirq) {
    SpinGuard guard{lock};
    if (line_of(pirq).enabled && line_of(pirq).is_level()) line_of(pirq).set_masked(false);
}

bool irq_needs_end(u32 pirq) { return line_of(pirq).is_level(); }

// After a device has slept: its messages are gone.
void restore_msi(MsiSource const& source) {
    SpinGuard guard{lock};
    for (Line& line : lines) {
        if (line.kind != Line::Kind::msi || source.segment || !line.message.is_of({source.bus, source.devfn})) continue;
        line.message.write(line.vector, line.cpu.load(std::memory_order_relaxed));
        if (line.enabled) line.set_masked(false);
    }
}
}  // namespace hv::hal

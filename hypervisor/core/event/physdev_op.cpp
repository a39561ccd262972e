// SPDX-License-Identifier: MIT
// The physdev_op hypercall: the I/O privilege of vCPUs, and how dom0 names the machine's interrupts.
#include <optional>
#include "core/event/event_table.hpp"
#include "core/guest_access.hpp"
#include "core/hal.hpp"
#include "core/hypercall/dispatch.hpp"
#include "public/physdev.hpp"

namespace hv {
namespace {
constexpr u32 io_ports = 65536;
constexpr u32 timer_gsi = 0;  // the hypervisor's own

// Every domain may have it: it decides only which instructions are emulated instead of reflected.
Result<u64> set_iopl(Vcpu& vcpu, abi::PhysdevSetIopl const& op) {
    if (op.iopl > 3) return Errno::inval;
    vcpu.iopl = static_cast<u8>(op.iopl);
    return u64{0};
}

Result<u64> set_iobitmap(Vcpu& vcpu, abi::PhysdevSetIobitmap const& op) {
    if (op.nr_ports > io_ports || !is_guest_range(op.bitmap.address, (op.nr_ports + 7) / 8)) return Errno::inval;
    vcpu.io_bitmap = op.bitmap.address;
    vcpu.io_bitmap_ports = op.nr_ports;
    return u64{0};
}

// Dom0 names a GSI by itself: pirq and gsi are the same number, as on any Xen.
Result<u64> map_pirq(Domain& domain, abi::PhysdevMapPirq& op) {
    if (op.domid != abi::domid_self && op.domid != domain.id) return Errno::perm;
    if (op.type != abi::map_pirq_type::gsi) return Errno::opnotsupp;
    if (op.index < 0 || static_cast<u32>(op.index) >= hal::gsi_count()) return Errno::inval;
    u32 const gsi = static_cast<u32>(op.index);
    u32 const wanted = op.pirq < 0 ? gsi : static_cast<u32>(op.pirq);
    if (gsi == timer_gsi || wanted != gsi) return Errno::inval;
    Result<u32> const mapped = domain.events->pirqs().map(wanted, gsi);
    if (!mapped && mapped.error() != Errno::exist) return mapped.error();  // mapping it again changes nothing
    op.pirq = static_cast<i32>(wanted);
    return u64{0};
}

Result<u64> unmap_pirq(Domain& domain, abi::PhysdevUnmapPirq const& op) {
    if (op.domid != abi::domid_self && op.domid != domain.id) return Errno::perm;
    if (op.pirq < 0) return Errno::inval;
    TRY(domain.events->pirqs().unmap(static_cast<u32>(op.pirq)));
    return u64{0};
}

Result<u64> setup_gsi(Domain& domain, abi::PhysdevSetupGsi const& op) {
    if (op.gsi < 0 || op.triggering > 1 || op.polarity > 1) return Errno::inval;
    Pirq* const pirq = domain.events->pirqs().find(static_cast<u32>(op.gsi));
    if (!pirq) return Errno::inval;
    pirq->level_triggered = op.triggering == 1;
    pirq->active_low = op.polarity == 1;
    return u64{0};
}

// Without a page of bits (pirq_eoi_gmfn), the guest asks once whether to report the end of each interrupt: always.
Result<u64> irq_status_query(Domain& domain, abi::PhysdevIrqStatusQuery& op) {
    if (!domain.events->pirqs().find(op.irq)) return Errno::inval;
    op.flags = abi::irqstat::needs_eoi;
    return u64{0};
}

Result<u64> end_of_interrupt(Domain& domain, abi::PhysdevEoi const& op) {
    Pirq* const pirq = domain.events->pirqs().find(op.irq);
    if (!pirq) return Errno::inval;
    pirq->needs_eoi.store(false, std::memory_order_relaxed);
    return u64{0};
}

// Vectors are ours; dom0 only wants to hear that the interrupt can be had.
Result<u64> alloc_irq_vector(abi::PhysdevIrq& op) {
    if (op.irq >= hal::gsi_count()) return Errno::inval;
    op.vector = op.irq;
    return u64{0};
}

Result<u64> apic_read(abi::PhysdevApic& op) {
    std::optional<u32> const value = hal::ioapic_read(op.apic_physbase, op.reg);
    if (!value) return Errno::inval;
    op.value = *value;
    return u64{0};
}

Outcome privileged_op(Domain& domain, u32 command, guest_ptr<void> arg) {
    switch (command) {
        case abi::physdevop::irq_status_query:
            return with_argument<abi::PhysdevIrqStatusQuery>(
                arg, [&](abi::PhysdevIrqStatusQuery& op) { return irq_status_query(domain, op); });
        case abi::physdevop::eoi:
            return with_argument<abi::PhysdevEoi>(
                arg, [&](abi::PhysdevEoi const& op) { return end_of_interrupt(domain, op); });
        case abi::physdevop::map_pirq:
            return with_argument<abi::PhysdevMapPirq>(arg,
                                                      [&](abi::PhysdevMapPirq& op) { return map_pirq(domain, op); });
        case abi::physdevop::unmap_pirq:
            return with_argument<abi::PhysdevUnmapPirq>(
                arg, [&](abi::PhysdevUnmapPirq const& op) { return unmap_pirq(domain, op); });
        case abi::physdevop::setup_gsi:
            return with_argument<abi::PhysdevSetupGsi>(
                arg, [&](abi::PhysdevSetupGsi const& op) { return setup_gsi(domain, op); });
        case abi::physdevop::alloc_irq_vector:
            return with_argument<abi::PhysdevIrq>(arg, [](abi::PhysdevIrq& op) { return alloc_irq_vector(op); });
        case abi::physdevop::apic_read:
            return with_argument<abi::PhysdevApic>(arg, [](abi::PhysdevApic& op) { return apic_read(op); });
        // There is no device of which we need to know: both are notices.
        case abi::physdevop::pci_device_add:
            return with_argument<abi::PhysdevPciDeviceAdd>(
                arg, [](abi::PhysdevPciDeviceAdd const&) { return Result<u64>{u64{0}}; });
        case abi::physdevop::pci_device_remove:
            return with_argument<abi::PhysdevPciDevice>(
                arg, [](abi::PhysdevPciDevice const&) { return Result<u64>{u64{0}}; });
        default: return Errno::nosys;
    }
}
}  // namespace

Outcome do_physdev_op(Vcpu& vcpu, HypercallArgs& args) {
    u32 const command = static_cast<u32>(args[0]);
    guest_ptr<void> const arg{args[1]};
    switch (command) {
        case abi::physdevop::set_iopl:
            return with_argument<abi::PhysdevSetIopl>(
                arg, [&](abi::PhysdevSetIopl const& op) { return set_iopl(vcpu, op); });
        case abi::physdevop::set_iobitmap:
            return with_argument<abi::PhysdevSetIobitmap>(
                arg, [&](abi::PhysdevSetIobitmap const& op) { return set_iobitmap(vcpu, op); });
        case abi::physdevop::pirq_eoi_gmfn_v1:
        case abi::physdevop::pirq_eoi_gmfn_v2: return Errno::nosys;  // the guest then asks irq_status_query
        default: return vcpu.domain->privileged ? privileged_op(*vcpu.domain, command, arg) : Outcome{Errno::perm};
    }
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// The physdev_op hypercall: the I/O privilege of vCPUs, and how dom0 names the machine's interrupts.
#include <algorithm>
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
Result<u64> map_gsi(PirqTable& pirqs, abi::PhysdevMapPirq& op) {
    if (op.index < 0 || static_cast<u32>(op.index) >= std::min(hal::gsi_count(), PirqTable::size)) return Errno::inval;
    u32 const gsi = static_cast<u32>(op.index);
    if (gsi == timer_gsi || (op.pirq >= 0 && static_cast<u32>(op.pirq) != gsi)) return Errno::inval;
    op.pirq = op.index;
    Result<u32> const mapped = pirqs.map(gsi, gsi);
    if (mapped) hal::connect_gsi(gsi, gsi);
    else if (mapped.error() != Errno::exist) return mapped.error();  // mapping it again changes nothing
    return u64{0};
}

Result<u64> map_msi(PirqTable& pirqs, abi::PhysdevMapPirq& op) {
    u32 const bus = static_cast<u32>(op.bus);
    bool const with_segment = op.type == abi::map_pirq_type::msi_seg;
    if ((!with_segment && bus > 0xff) || static_cast<u32>(op.devfn) > 0xff || op.entry_nr < 0) return Errno::inval;
    hal::MsiSource const source{.segment = static_cast<u16>(bus >> 16),
                                .bus = static_cast<u8>(bus),
                                .devfn = static_cast<u8>(op.devfn),
                                .entry = static_cast<u32>(op.entry_nr),
                                .table_base = op.table_base};
    std::optional<u32> wanted;
    if (op.pirq >= 0) wanted = static_cast<u32>(op.pirq);
    u32 const pirq = TRY(pirqs.map(wanted, hal::gsi_count()));
    if (Result<> const connected = hal::connect_msi(pirq, source); !connected) {
        (void)pirqs.unmap(pirq);
        return connected.error();
    }
    op.pirq = static_cast<i32>(pirq);
    return u64{0};
}

Result<u64> map_pirq(Domain& domain, abi::PhysdevMapPirq& op) {
    if (op.domid != abi::domid_self && op.domid != domain.id) return Errno::perm;
    switch (op.type) {
        case abi::map_pirq_type::gsi: return map_gsi(domain.events->pirqs(), op);
        case abi::map_pirq_type::msi:
        case abi::map_pirq_type::msi_seg: return map_msi(domain.events->pirqs(), op);
        default: return Errno::opnotsupp;  // several messages in one MSI: not without interrupt remapping, as on Xen
    }
}

Result<u64> unmap_pirq(Domain& domain, abi::PhysdevUnmapPirq const& op) {
    if (op.domid != abi::domid_self && op.domid != domain.id) return Errno::perm;
    if (op.pirq < 0) return Errno::inval;
    TRY(domain.events->pirqs().unmap(static_cast<u32>(op.pirq)));
    return u64{0};
}

Result<u64> setup_gsi(Domain& domain, abi::PhysdevSetupGsi const& op) {
    if (op.gsi < 0 || static_cast<u32>(op.gsi) >= hal::gsi_count() || op.triggering > 1 || op.polarity > 1)
        return Errno::inval;
    if (!domain.events->pirqs().find(static_cast<u32>(op.gsi))) return Errno::inval;
    TRY(hal::wire_gsi(static_cast<u32>(op.gsi), op.triggering == 1, op.polarity == 1));
    return u64{0};
}

// What the guest would look up in a page of bits (pirq_eoi_gmfn), it asks here once when it binds the interrupt.
Result<u64> irq_status_query(Domain& domain, abi::PhysdevIrqStatusQuery& op) {
    if (!domain.events->pirqs().find(op.irq)) return Errno::inval;
    op.flags = hal::irq_needs_end(op.irq) ? abi::irqstat::needs_eoi : 0;
    return u64{0};
}

Result<u64> end_of_interrupt(Domain& domain, abi::PhysdevEoi const& op) {
    Pirq* const pirq = domain.events->pirqs().find(op.irq);
    if (!pirq) return Errno::inval;
    if (pirq->needs_eoi.exchange(false, std::memory_order_acq_rel)) hal::end_irq(op.irq);
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

Result<u64> restore_msi(hal::MsiSource const& device) {
    hal::restore_msi(device);
    return u64{0};
}

Outcome privileged_op(Domain& domain, u32 command, guest_ptr<void> arg) {
    using namespace abi;
    switch (command) {
        case physdevop::irq_status_query:
            return with_argument<PhysdevIrqStatusQuery>(
                arg, [&](PhysdevIrqStatusQuery& op) { return irq_status_query(domain, op); });
        case physdevop::eoi:
            return with_argument<PhysdevEoi>(arg, [&](PhysdevEoi const& op) { return end_of_interrupt(domain, op); });
        case physdevop::map_pirq:
            return with_argument<PhysdevMapPirq>(arg, [&](PhysdevMapPirq& op) { return map_pirq(domain, op); });
        case physdevop::unmap_pirq:
            return with_argument<PhysdevUnmapPirq>(arg,
                                                   [&](PhysdevUnmapPirq const& op) { return unmap_pirq(domain, op); });
        case physdevop::setup_gsi:
            return with_argument<PhysdevSetupGsi>(arg,
                                                  [&](PhysdevSetupGsi const& op) { return setup_gsi(domain, op); });
        case physdevop::alloc_irq_vector:
            return with_argument<PhysdevIrq>(arg, [](PhysdevIrq& op) { return alloc_irq_vector(op); });
        case physdevop::apic_read:
            return with_argument<PhysdevApic>(arg, [](PhysdevApic& op) { return apic_read(op); });
        case physdevop::restore_msi:
            return with_argument<PhysdevManagePci>(
                arg, [](PhysdevManagePci const& op) { return restore_msi({.bus = op.bus, .devfn = op.devfn}); });
        case physdevop::restore_msi_ext:
            return with_argument<PhysdevPciDevice>(arg, [](PhysdevPciDevice const& op) {
                return restore_msi({.segment = op.seg, .bus = op.bus, .devfn = op.devfn});
            });
        // Notices: a device is looked at when it asks for an interrupt, and not before.
        case physdevop::free_irq_vector:
        case physdevop::manage_pci_add:
        case physdevop::manage_pci_add_ext:
        case physdevop::manage_pci_remove:
        case physdevop::pci_device_add:
        case physdevop::pci_device_remove:
        case physdevop::pci_mmcfg_reserved:
        case physdevop::prepare_msix:
        case physdevop::release_msix:
        case physdevop::dbgp_op: return Errno::ok;
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

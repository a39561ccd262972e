// SPDX-License-Identifier: MIT
// The physdev_op hypercall: the I/O privilege of vCPUs, and how dom0 names the machine's interrupts.
#include <algorithm>
#include <optional>
#include "core/event/channels.hpp"
#include "core/guest_access.hpp"
#include "core/hal/irq.hpp"
#include "core/hal/vcpu.hpp"
#include "core/hypercall/dispatch.hpp"
#include "public/physdev.hpp"

namespace hv {
namespace {
constexpr u32 io_ports = 65536;
constexpr u32 timer_gsi = 0;  // the hypervisor's own

// Every domain may have it: it decides only which instructions are emulated instead of reflected.
Result<> set_iopl(Vcpu& vcpu, abi::PhysdevSetIopl const& op) {
    if (op.iopl > 3) return Errno::inval;
    vcpu.iopl = static_cast<u8>(op.iopl);
    hal::load_iopl(vcpu);
    return {};
}

Result<> set_iobitmap(Vcpu& vcpu, abi::PhysdevSetIobitmap const& op) {
    if (op.nr_ports > io_ports || !is_guest_range(op.bitmap.address, (op.nr_ports + 7) / 8)) return Errno::inval;
    vcpu.io_bitmap = op.bitmap.address;
    vcpu.io_bitmap_ports = op.nr_ports;
    return {};
}

// Dom0 names a GSI by itself: pirq and gsi are the same number, as on any Xen.
Result<> map_gsi(EventChannels& events, abi::PhysdevMapPirq& op) {
    if (op.index < 0 || static_cast<u32>(op.index) >= std::min(hal::gsi_count(), PirqTable::size)) return Errno::inval;
    u32 const gsi = static_cast<u32>(op.index);
    if (gsi == timer_gsi || (op.pirq >= 0 && static_cast<u32>(op.pirq) != gsi)) return Errno::inval;
    op.pirq = op.index;
    events.map_gsi(gsi);
    return {};
}

Result<> map_msi(EventChannels& events, abi::PhysdevMapPirq& op) {
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
    op.pirq = static_cast<i32>(TRY(events.map_msi(wanted, source)));
    return {};
}

Result<> map_pirq(Domain& domain, abi::PhysdevMapPirq& op) {
    if (op.domid != abi::domid_self && op.domid != domain.id) return Errno::perm;
    switch (op.type) {
        case abi::map_pirq_type::gsi: return map_gsi(*domain.events, op);
        case abi::map_pirq_type::msi:
        case abi::map_pirq_type::msi_seg: return map_msi(*domain.events, op);
        default: return Errno::opnotsupp;  // several messages in one MSI: not without interrupt remapping, as on Xen
    }
}

Result<> unmap_pirq(Domain& domain, abi::PhysdevUnmapPirq const& op) {
    if (op.domid != abi::domid_self && op.domid != domain.id) return Errno::perm;
    if (op.pirq < 0) return Errno::inval;
    return domain.events->unmap_pirq(static_cast<u32>(op.pirq));
}

Result<> setup_gsi(Domain& domain, abi::PhysdevSetupGsi const& op) {
    if (op.gsi < 0 || static_cast<u32>(op.gsi) >= hal::gsi_count() || op.triggering > 1 || op.polarity > 1)
        return Errno::inval;
    return domain.events->wire_gsi(static_cast<u32>(op.gsi), op.triggering == 1, op.polarity == 1);
}

// The first version of the call unmasks a port at its interrupt's end. Every domain may make it, and Linux does.
Result<> show_pirq_ends(Domain& domain, abi::PhysdevPirqEoiGmfn const& op) {
    return domain.events->show_pirq_ends(Mfn{op.gmfn.value}, false);
}
Result<> show_pirq_ends_and_unmask(Domain& domain, abi::PhysdevPirqEoiGmfn const& op) {
    return domain.events->show_pirq_ends(Mfn{op.gmfn.value}, true);
}

// The same for a guest that has no page of them (pirq_eoi_gmfn), asked once when it binds the interrupt.
Result<> irq_status_query(Domain& domain, abi::PhysdevIrqStatusQuery& op) {
    if (!domain.events->pirqs().find(op.irq)) return Errno::inval;
    op.flags = hal::irq_needs_end(op.irq) ? abi::irqstat::needs_eoi : 0;
    return {};
}

Result<> end_of_interrupt(Domain& domain, abi::PhysdevEoi const& op) {
    Pirq* const pirq = domain.events->pirqs().find(op.irq);
    if (!pirq) return Errno::inval;
    if (domain.events->pirqs().ends.unmasks())
        (void)domain.events->unmask(EvtchnPort{pirq->port.load(std::memory_order_acquire)});
    if (pirq->needs_eoi.exchange(false, std::memory_order_acq_rel)) hal::end_irq(op.irq);
    return {};
}

// Vectors are ours; dom0 only wants to hear that the interrupt can be had.
Result<> alloc_irq_vector(Domain&, abi::PhysdevIrq& op) {
    if (op.irq >= hal::gsi_count()) return Errno::inval;
    op.vector = op.irq;
    return {};
}

Result<> apic_read(Domain&, abi::PhysdevApic& op) {
    std::optional<u32> const value = hal::ioapic_read(op.apic_physbase, op.reg);
    if (!value) return Errno::inval;
    op.value = *value;
    return {};
}

Result<> restore_msi(Domain&, abi::PhysdevManagePci const& op) {
    hal::restore_msi({.bus = op.bus, .devfn = op.devfn});
    return {};
}
Result<> restore_msi_ext(Domain&, abi::PhysdevPciDevice const& op) {
    hal::restore_msi({.segment = op.seg, .bus = op.bus, .devfn = op.devfn});
    return {};
}
}  // namespace

Outcome do_physdev_op(Vcpu& vcpu, HypercallArgs& args) {
    namespace command = abi::physdevop;
    Domain& domain = *vcpu.domain;
    u32 const number = static_cast<u32>(args[0]);
    switch (number) {
        case command::set_iopl: return with_argument<set_iopl>(vcpu, args[1]);
        case command::set_iobitmap: return with_argument<set_iobitmap>(vcpu, args[1]);
        case command::pirq_eoi_gmfn_v1: return with_argument<show_pirq_ends_and_unmask>(domain, args[1]);
        case command::pirq_eoi_gmfn_v2: return with_argument<show_pirq_ends>(domain, args[1]);
        default:
            if (!domain.privileged) return Errno::perm;
    }
    switch (number) {
        case command::irq_status_query: return with_argument<irq_status_query>(domain, args[1]);
        case command::eoi: return with_argument<end_of_interrupt>(domain, args[1]);
        case command::map_pirq: return with_argument<map_pirq>(domain, args[1]);
        case command::unmap_pirq: return with_argument<unmap_pirq>(domain, args[1]);
        case command::setup_gsi: return with_argument<setup_gsi>(domain, args[1]);
        case command::alloc_irq_vector: return with_argument<alloc_irq_vector>(domain, args[1]);
        case command::apic_read: return with_argument<apic_read>(domain, args[1]);
        case command::restore_msi: return with_argument<restore_msi>(domain, args[1]);
        case command::restore_msi_ext: return with_argument<restore_msi_ext>(domain, args[1]);
        // Notices: a device is looked at when it asks for an interrupt, and not before.
        case command::free_irq_vector:
        case command::manage_pci_add:
        case command::manage_pci_add_ext:
        case command::manage_pci_remove:
        case command::pci_device_add:
        case command::pci_device_remove:
        case command::pci_mmcfg_reserved:
        case command::prepare_msix:
        case command::release_msix:
        case command::dbgp_op: return Errno::ok;
        default: return Errno::nosys;
    }
}
}  // namespace hv

// SPDX-License-Identifier: MIT
#include "x86/cpu/interrupts.hpp"

#include "base/log.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/serial.hpp"
#include "x86/mm/tlb.hpp"

namespace hv::interrupts {
namespace {

constinit std::atomic<DeviceHandler> device_handler{nullptr};

void note(u32 work) { this_cpu().pending.fetch_or(work, std::memory_order_relaxed); }

}  // namespace

void set_device_handler(DeviceHandler handler) { device_handler.store(handler, std::memory_order_release); }

void handle(u8 number) {
    switch (number) {
        case vector::timer:
            this_cpu().deadline_tsc = ~u64{0};
            note(PendingWork::timer);
            break;
        case vector::kick:
            note(PendingWork::reschedule);
            break;
        case vector::console:
            if (serial::receive()) note(PendingWork::console);
            break;
        case vector::tlb:
            x86_tlb::answer();
            break;
        case vector::apic_error:
            log::warn("cpu {}: APIC error {:x}", this_cpu().id, apic::take_error());
            break;
        case vector::spurious:
        case vector::pic_spurious7:
        case vector::pic_spurious15:
            return;  // nobody waits for the end of these
        default:
            if (DeviceHandler handler = device_handler.load(std::memory_order_acquire);
                handler && number >= vector::first_device && number <= vector::last_device)
                return handler(number);  // which says when the interrupt ends
            log::warn("cpu {}: unexpected interrupt vector {:x}", this_cpu().id, number);
    }
    apic::end_of_interrupt();
}

}  // namespace hv::interrupts

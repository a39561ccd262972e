// SPDX-License-Identifier: MIT
#include "x86/cpu/interrupts.hpp"
#include "base/log.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/this_cpu.hpp"
#include "x86/dev/irq.hpp"
#include "x86/dev/serial.hpp"
#include "x86/mm/tlb.hpp"

namespace hv::interrupts {
namespace {
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
            if (!irq::deliver(number)) log::warn("cpu {}: unexpected interrupt vector {:x}", this_cpu().id, number);
    }
    apic::end_of_interrupt();
}
}  // namespace hv::interrupts

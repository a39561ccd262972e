// SPDX-License-Identifier: MIT
// Figures for assembly: each line becomes a #define in generated/cpu_offsets.h.
#include <cstddef>
#include "x86/cpu/segments.hpp"
#include "x86/cpu/this_cpu.hpp"

#define EMIT(name, value) asm volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))

namespace hv {
void emit_cpu_offsets() {
    EMIT(CPU_BLOCK_SIZE, sizeof(CpuBlock));
    EMIT(CPU_CURRENT, offsetof(CpuBlock, current));
    EMIT(CPU_ID, offsetof(CpuBlock, id));
    EMIT(CPU_PORTS, static_cast<int>((window::tss_page - window::stack_page - window::stack_pages) * page_size +
                                     sizeof(CpuBlock) + window::offset_in_tss));
    EMIT(PORTS_CLOSED, int{window::ports_closed});
    EMIT(CPU_CR3_WRITES, offsetof(CpuBlock, counts));  // perf::Event::cr3_write
    EMIT(CPU_PENDING, offsetof(CpuBlock, pending));
    EMIT(STACK_MASK, window::stack_mask);
    EMIT(STACK_SIZE, window::stack_mask + 1);
    EMIT(REGS_SIZE, sizeof(abi::CpuUserRegs));
    EMIT(REGS_RSP, offsetof(abi::CpuUserRegs, rsp));
    // From the trampoline page of a window to the saved stack pointer in its guest frame.
    EMIT(TRAMPOLINE_TO_FRAME_RSP, (window::stack_page + window::stack_pages - window::trampoline_page) * page_size -
                                      sizeof(CpuBlock) - sizeof(abi::CpuUserRegs) + offsetof(abi::CpuUserRegs, rsp));
    EMIT(HV_CODE_SELECTOR, int{selector::hv_code});
    EMIT(HV_DATA_SELECTOR, int{selector::hv_data});
}
}  // namespace hv

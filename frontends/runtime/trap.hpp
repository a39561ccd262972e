// SPDX-License-Identifier: MIT
// Exceptions of a guest: registration with the hypervisor, handlers, and a way to try what may trap.
#pragma once
#include <span>

#include "runtime/hypercall.hpp"

namespace guest {
// What the entry stubs of trap.S leave on the stack. The upper part, from rip on, is the hypervisor's frame; its cs
// word carries the saved event mask in bits 32-39, and bits 0-1 are clear when the guest's kernel was interrupted.
struct TrapFrame {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 vector;
    u64 error_code;
    u64 rip, cs, rflags, rsp, ss;

    bool from_user() const { return (cs & 3) == 3; }
    u16 selector() const { return static_cast<u16>(cs); }
    bool events_were_masked() const { return ((cs >> 32) & 0xff) != 0; }
};
static_assert(sizeof(TrapFrame) == 22 * 8);

namespace trap {
// Vectors 0-31 are the processor's. The others are ours, for what comes by callback.
enum Vector : u64 {
    divide_error = 0,
    debug = 1,
    nmi = 2,
    breakpoint = 3,
    overflow = 4,
    invalid_opcode = 6,
    device_not_available = 7,
    invalid_tss = 10,
    segment_not_present = 11,
    stack_fault = 12,
    general_protection = 13,
    page_fault = 14,
    x87_error = 16,
    alignment_check = 17,
    simd_error = 19,
    software = 0x80,
    event_upcall = 256,
    syscall = 257,
    syscall32 = 258,
    failsafe = 259,
    sysenter = 260,
};

// True: handled, return to the frame as it is now. False: let the next in line see it.
using Handler = bool (*)(TrapFrame&);

void initialise();
// The gates that it registers, for other vCPUs.
std::span<abi::TrapInfo const> gates();

void set_handler(u64 vector, Handler handler);  // nullptr takes it away; vectors below 32 and software

// Runs function(argument). If it traps, the attempt ends there, the frame is kept, and true is returned.
// Attempts do not nest; each vCPU may have one.
bool attempt(void (*function)(void*), void* argument, TrapFrame& caught);

template <class Function>
bool attempt(Function function, TrapFrame& caught) {
    return attempt([](void* f) { (*static_cast<Function*>(f))(); }, &function, caught);
}

// The address a page fault was about: the hypervisor keeps it in vcpu_info.
u64 fault_address();
}  // namespace trap

// One line a register pair, to the console.
void print_frame(TrapFrame const& frame);
}  // namespace guest

// SPDX-License-Identifier: MIT
#include "runtime/trap.hpp"

#include <array>

#include "runtime/console.hpp"
#include "runtime/event.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/smp.hpp"
#include "runtime/user.hpp"

extern "C" {
extern char trap_stubs[], trap_software[], trap_event_upcall[], trap_syscall[], trap_syscall32[], trap_sysenter[],
    trap_failsafe[];
extern char trap_resume[];
bool trap_attempt(void (*function)(void*), void* argument, guest::u64* resume_rsp);
void trap_dispatch(guest::TrapFrame& frame);
}

namespace guest {
namespace {
constexpr u32 stub_size = 16;
constexpr u32 exception_vectors = 32;

constinit std::array<trap::Handler, exception_vectors> exception_handlers{};
constinit trap::Handler software_handler = nullptr;

// The attempt under way: where its caller's stack is, and where it wants the frame.
struct Attempt {
    u64 resume_rsp;
    TrapFrame* caught;
};
constinit std::array<Attempt*, smp::most_vcpus> attempts{};

constexpr u8 gate_dpl(u32 vector) { return vector == trap::breakpoint || vector == trap::overflow ? 3 : 0; }

void register_callback(u16 type, char const* entry) {
    abi::CallbackRegister callback{.type = type, .flags = 0, .pad = 0, .address = {address_of(entry)}};
    if (type == abi::callback::event || type == abi::callback::failsafe) {
        callback.flags = abi::callback::mask_events;
    }
    // Those for system calls may be refused: not every machine has the instruction.
    (void)callback_op(abi::callbackop::register_callback, &callback);
}

trap::Handler* slot_of(u64 vector) {
    if (vector < exception_vectors) { return &exception_handlers[vector]; }
    return vector == trap::software ? &software_handler : nullptr;
}
}  // namespace

std::span<abi::TrapInfo const> trap::gates() {
    static constinit std::array<abi::TrapInfo, exception_vectors + 2> table{};  // the last entry ends it
    for (u32 vector = 0; vector < exception_vectors; ++vector) {
        table[vector] = {.vector = static_cast<u8>(vector),
                         .flags = gate_dpl(vector),
                         .cs = abi::selector::flat_cs64,
                         .pad = 0,
                         .address = address_of(trap_stubs) + vector * stub_size};
    }
    table[exception_vectors] = {.vector = trap::software,
                                .flags = 3,
                                .cs = abi::selector::flat_cs64,
                                .pad = 0,
                                .address = address_of(trap_software)};
    return {table.data(), exception_vectors + 1};
}

void trap::initialise() {
    if (set_trap_table(gates().data()) != 0) { panic("set_trap_table was refused"); }
    register_callback(abi::callback::event, trap_event_upcall);
    register_callback(abi::callback::failsafe, trap_failsafe);
    register_callback(abi::callback::syscall, trap_syscall);
    register_callback(abi::callback::syscall32, trap_syscall32);
    register_callback(abi::callback::sysenter, trap_sysenter);
}

void trap::set_handler(u64 vector, Handler handler) {
    if (Handler* slot = slot_of(vector)) { *slot = handler; }
}

bool trap::attempt(void (*function)(void*), void* argument, TrapFrame& caught) {
    Attempt attempt{.resume_rsp = 0, .caught = &caught};
    attempts[smp::current()] = &attempt;
    bool trapped = trap_attempt(function, argument, &attempt.resume_rsp);
    attempts[smp::current()] = nullptr;
    return trapped;
}

u64 trap::fault_address() { return vcpu_info().arch.cr2; }

void print_frame(TrapFrame const& frame) {
    print("vector {} error {:x} cr2 {:x}\n", frame.vector, frame.error_code, trap::fault_address());
    print("rip {:x} cs {:x} rflags {:x} rsp {:x} ss {:x}\n", frame.rip, frame.cs, frame.rflags, frame.rsp, frame.ss);
    print("rax {:x} rbx {:x} rcx {:x} rdx {:x} rsi {:x} rdi {:x} rbp {:x}\n", frame.rax, frame.rbx, frame.rcx,
          frame.rdx, frame.rsi, frame.rdi, frame.rbp);
    print("r8 {:x} r9 {:x} r10 {:x} r11 {:x} r12 {:x} r13 {:x} r14 {:x} r15 {:x}\n", frame.r8, frame.r9, frame.r10,
          frame.r11, frame.r12, frame.r13, frame.r14, frame.r15);
}
}  // namespace guest

// Called by trap.S with every entry; returns to let it resume the frame.
void trap_dispatch(guest::TrapFrame& frame) {
    using namespace guest::trap;
    using guest::u64;
    if (frame.vector == event_upcall) {
        guest::deliver_events();
        return;
    }
    if (frame.from_user()) {
        guest::user_trapped(frame);  // returns only if no user code of ours was running
    }
    if (Handler* slot = guest::slot_of(frame.vector); slot != nullptr && *slot != nullptr && (*slot)(frame)) { return; }
    if (auto*& attempt = guest::attempts[guest::smp::current()]; attempt != nullptr) {
        *attempt->caught = frame;
        frame.rip = guest::address_of(trap_resume);
        frame.rsp = attempt->resume_rsp;
        frame.rax = 1;
        // The caller goes on as the kernel does, wherever the attempt led.
        frame.cs = (frame.cs & ~u64{0xffff}) | (abi::selector::flat_cs64 & ~u64{3});
        frame.rflags = 0x202;
        frame.ss = abi::selector::flat_ss;
        attempt = nullptr;
        return;
    }
    guest::print("unexpected trap\n");
    guest::print_frame(frame);
    guest::panic("a trap that nobody expected");
}

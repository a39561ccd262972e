// SPDX-License-Identifier: MIT
// Hypercalls, one function each. They return what RAX holds: a result, or a negated abi::Errno.
#pragma once
#include "public/console_io.hpp"
#include "public/event_channel.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"
#include "public/mmu.hpp"
#include "public/multicall.hpp"
#include "public/physdev.hpp"
#include "public/platform.hpp"
#include "public/sched.hpp"
#include "public/vcpu.hpp"
#include "public/version.hpp"

namespace guest {
using abi::i16;
using abi::i32;
using abi::i64;
using abi::u16;
using abi::u32;
using abi::u64;
using abi::u8;

using abi::Domid;
using abi::Errno;
using abi::EvtchnPort;
using abi::GrantRef;
using abi::Mfn;
using abi::Pfn;

inline constexpr u64 page_size = abi::page_size;

// RAX of a failed hypercall.
constexpr i64 failure(Errno error) { return -static_cast<i64>(error); }

template <class T>
u64 address_of(T const* pointer) {
    return reinterpret_cast<u64>(pointer);
}
template <class T>
abi::guest_ptr<T> pointer_to(T* pointer) {
    return {address_of(pointer)};
}

#ifdef GUEST_HYPERCALL_PAGE
extern "C" char hypercall_page[];
#endif

// Registers of arguments may come back changed from a hypervisor's debug build.
inline i64 hypercall(u64 number, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0) {
    register u64 r10 asm("r10") = a4;
    register u64 r8 asm("r8") = a5;
    i64 result;
#ifdef GUEST_HYPERCALL_PAGE
    constexpr u64 slots = 128;
    if (number < slots) {
        asm volatile("call *%[slot]"
                     : "=&a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : [slot] "r"(hypercall_page + number * 32)
                     : "rcx", "r11", "r9", "memory");
        return result;
    }
#endif
    asm volatile("syscall"
                 : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                 : "0"(number)
                 : "rcx", "r11", "r9", "memory");
    return result;
}

inline i64 set_trap_table(abi::TrapInfo const* table) {
    return hypercall(abi::hypercall::set_trap_table, address_of(table));
}
inline i64 mmu_update(abi::MmuUpdate const* requests, u32 count, u32* done = nullptr, u32 domid = 0x7ff0) {
    return hypercall(abi::hypercall::mmu_update, address_of(requests), count, address_of(done), domid);
}
inline i64 set_gdt(Mfn const* frames, u32 entries) {
    return hypercall(abi::hypercall::set_gdt, address_of(frames), entries);
}
inline i64 stack_switch(u64 ss, u64 sp) { return hypercall(abi::hypercall::stack_switch, ss, sp); }
inline i64 fpu_taskswitch(u32 set) { return hypercall(abi::hypercall::fpu_taskswitch, set); }
inline i64 set_debugreg(u32 index, u64 value) { return hypercall(abi::hypercall::set_debugreg, index, value); }
inline i64 get_debugreg(u32 index) { return hypercall(abi::hypercall::get_debugreg, index); }
inline i64 update_descriptor(u64 machine_address, u64 descriptor) {
    return hypercall(abi::hypercall::update_descriptor, machine_address, descriptor);
}
template <class T>
i64 memory_op(u32 command, T* argument) {
    return hypercall(abi::hypercall::memory_op, command, address_of(argument));
}
inline i64 multicall(abi::MulticallEntry* entries, u32 count) {
    return hypercall(abi::hypercall::multicall, address_of(entries), count);
}
inline i64 update_va_mapping(u64 address, u64 value, u64 flags = abi::uvmf::invlpg) {
    return hypercall(abi::hypercall::update_va_mapping, address, value, flags);
}
inline i64 update_va_mapping_otherdomain(u64 address, u64 value, u64 flags, Domid domid) {
    return hypercall(abi::hypercall::update_va_mapping_otherdomain, address, value, flags, domid.value);
}
template <class T>
i64 xen_version(u32 command, T* argument) {
    return hypercall(abi::hypercall::xen_version, command, address_of(argument));
}
inline i64 xen_version() { return hypercall(abi::hypercall::xen_version, abi::xenver::version); }
inline i64 console_io(u32 command, u64 count, char* buffer) {
    return hypercall(abi::hypercall::console_io, command, count, address_of(buffer));
}
template <class T>
i64 grant_table_op(u32 command, T* operations, u32 count) {
    return hypercall(abi::hypercall::grant_table_op, command, address_of(operations), count);
}
inline i64 vm_assist(u32 command, u32 type) { return hypercall(abi::hypercall::vm_assist, command, type); }
template <class T>
i64 vcpu_op(u32 command, u32 vcpu, T* argument) {
    return hypercall(abi::hypercall::vcpu_op, command, vcpu, address_of(argument));
}
inline i64 vcpu_op(u32 command, u32 vcpu) { return hypercall(abi::hypercall::vcpu_op, command, vcpu); }
inline i64 set_segment_base(u32 which, u64 base) { return hypercall(abi::hypercall::set_segment_base, which, base); }
inline i64 mmuext_op(abi::MmuextOp const* operations, u32 count, u32* done = nullptr, u32 domid = 0x7ff0) {
    return hypercall(abi::hypercall::mmuext_op, address_of(operations), count, address_of(done), domid);
}
template <class T>
i64 sched_op(u32 command, T* argument) {
    return hypercall(abi::hypercall::sched_op, command, address_of(argument));
}
inline i64 sched_op(u32 command) { return hypercall(abi::hypercall::sched_op, command); }
template <class T>
i64 callback_op(u32 command, T* argument) {
    return hypercall(abi::hypercall::callback_op, command, address_of(argument));
}
template <class T>
i64 event_channel_op(u32 command, T* argument) {
    return hypercall(abi::hypercall::event_channel_op, command, address_of(argument));
}
template <class T>
i64 physdev_op(u32 command, T* argument) {
    return hypercall(abi::hypercall::physdev_op, command, address_of(argument));
}
inline i64 platform_op(abi::PlatformOp* operation) {
    return hypercall(abi::hypercall::platform_op, address_of(operation));
}
}  // namespace guest

// SPDX-License-Identifier: MIT
#include "runtime/event.hpp"

#include <array>
#include <atomic>

#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"
#include "runtime/shutdown.hpp"
#include "runtime/time.hpp"

namespace guest {
namespace {
constexpr u32 ports = abi::evtchn_2l_nr_channels;
constexpr u32 word_bits = 64;

// The place where shared_info is mapped: its own frame is never used.
alignas(page_size) constinit std::array<std::byte, page_size> shared_page{};
constinit std::array<EventHandler, ports> handlers{};
constinit abi::VcpuInfo volatile* moved_vcpu_info = nullptr;

u64& word(u64 volatile (&words)[64], EvtchnPort port) { return const_cast<u64&>(words[port.value / word_bits]); }
u64 bit(EvtchnPort port) { return u64{1} << (port.value % word_bits); }

void set_bit(u64& target, u64 mask) { std::atomic_ref<u64>(target).fetch_or(mask); }
void clear_bit(u64& target, u64 mask) { std::atomic_ref<u64>(target).fetch_and(~mask); }

void deliver_word(u32 index) {
    u64 pending = shared_info().evtchn_pending[index] & ~shared_info().evtchn_mask[index];
    while (pending != 0) {
        EvtchnPort port{index * word_bits + static_cast<u32>(__builtin_ctzll(pending))};
        pending &= pending - 1;
        event::clear(port);
        if (handlers[port.value] != nullptr) { handlers[port.value](port); }
    }
}
}  // namespace

abi::SharedInfo volatile& shared_info() { return *reinterpret_cast<abi::SharedInfo volatile*>(shared_page.data()); }
abi::VcpuInfo volatile& vcpu_info() {
    return moved_vcpu_info != nullptr ? *moved_vcpu_info : shared_info().vcpu_info[0];
}

void event::use_vcpu_info(abi::VcpuInfo volatile& place) { moved_vcpu_info = &place; }

void event::initialise(abi::StartInfo const& info) {
    Mfn frame{info.shared_info.value >> abi::page_shift};
    if (update_va_mapping(address_of(shared_page.data()), page_table::entry(frame, pte::read_write)) != 0) {
        panic("shared_info cannot be mapped");
    }
    for (u64 volatile& mask : shared_info().evtchn_mask) { mask = ~u64{0}; }
}

void event::enable() {
    vcpu_info().evtchn_upcall_mask = 0;
    asm volatile("" ::: "memory");
    if (vcpu_info().evtchn_upcall_pending != 0) {
        (void)xen_version();  // any hypercall delivers what came while the mask was set
    }
}

void event::disable() {
    vcpu_info().evtchn_upcall_mask = 1;
    asm volatile("" ::: "memory");
}

bool event::enabled() { return vcpu_info().evtchn_upcall_mask == 0; }

void event::set_handler(EvtchnPort port, EventHandler handler) {
    if (port.value >= ports) { panic("an event port out of range"); }
    handlers[port.value] = handler;
    if (handler != nullptr) {
        unmask(port);
    } else {
        mask(port);
    }
}

void event::mask(EvtchnPort port) { set_bit(word(shared_info().evtchn_mask, port), bit(port)); }

void event::unmask(EvtchnPort port) {
    abi::EvtchnUnmask op{.port = port};
    (void)event_channel_op(abi::evtchnop::unmask, &op);
}

bool event::pending(EvtchnPort port) { return (word(shared_info().evtchn_pending, port) & bit(port)) != 0; }
bool event::masked(EvtchnPort port) { return (word(shared_info().evtchn_mask, port) & bit(port)) != 0; }
void event::clear(EvtchnPort port) { clear_bit(word(shared_info().evtchn_pending, port), bit(port)); }

i64 event::send(EvtchnPort port) {
    abi::EvtchnSend op{.port = port};
    return event_channel_op(abi::evtchnop::send, &op);
}

bool event::wait(EvtchnPort port, u64 deadline) {
    while (!pending(port)) {
        if (time::now() >= deadline) { return false; }
        abi::SchedPoll poll{.ports = pointer_to(&port), .nr_ports = 1, .pad = 0, .timeout = deadline};
        if (sched_op(abi::schedop::poll, &poll) != 0) { panic("SCHEDOP_poll was refused"); }
        asm volatile("" ::: "memory");
    }
    return true;
}

void deliver_events() {
    vcpu_info().evtchn_upcall_pending = 0;
    u64 selector = std::atomic_ref<u64>(const_cast<u64&>(vcpu_info().evtchn_pending_sel)).exchange(0);
    while (selector != 0) {
        deliver_word(static_cast<u32>(__builtin_ctzll(selector)));
        selector &= selector - 1;
    }
}
}  // namespace guest

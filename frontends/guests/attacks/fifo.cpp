// SPDX-License-Identifier: MIT
// The FIFO event channels: control blocks and link words are guest memory, rewritten while the hypervisor follows them.
// Last of all attacks, since a domain that has switched does not go back.
#include <array>

#include "attack.hpp"
#include "runtime/time.hpp"

namespace attacks {
namespace {
namespace op = abi::evtchnop;

constexpr u32 words_per_page = guest::page_size / sizeof(u32);
constexpr u32 ports = 64;

// They are the hypervisor's as well from now on: never given back to the allocator.
constinit u32* control = nullptr;
constinit u32* array = nullptr;

template <class T>
i64 call(u32 command, T& argument) {
    return guest::event_channel_op(command, &argument);
}

i64 init_control(u64 frame, u32 offset, u32 vcpu) {
    abi::EvtchnInitControl init{.control_gfn = {frame}, .offset = offset, .vcpu = {vcpu}, .link_bits = 0, .pad = {}};
    return call(op::init_control, init);
}
i64 expand(u64 frame) {
    abi::EvtchnExpandArray argument{.array_gfn = {frame}};
    return call(op::expand_array, argument);
}

void numbers() {
    Page page;
    for (u64 frame : {u64{0}, u64{1} << 40, guest::page_table::kernel_root().value, ~u64{0}}) {
        refused(init_control(frame, 0, 0), "a control block in a frame that cannot be one");
        refused(expand(frame), "an array page of that kind");
    }
    for (u32 offset : {1u, 4u, 4032u, 4092u, 4096u, 0x80000000u, 0xfffffff8u}) {
        refused(init_control(page.frame().value, offset, 0), "a control block across the page's end");
    }
    for (u32 vcpu : {4u, 31u, 32u, 64u, 8192u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        refused(init_control(page.frame().value, 0, vcpu), "a control block of a vCPU that is not there");
    }
}

// Every bit of every word, the heads and the ready bits: links to oneself, in circles, beyond the array.
void scribble() {
    static constinit u64 state = 1;
    for (u32 i = 0; i < 256; ++i) {
        state = state * 6364136223846793005 + 1442695040888963407;
        u32 random = static_cast<u32>(state >> 32);
        u32 volatile* place = (random & 1) != 0 ? array + (random >> 1) % ports : control + (random >> 1) % 64;
        *place = (random & 2) != 0 ? random : (random >> 20) % ports | 0x20000000;
    }
}

// Both vCPUs' control blocks and the array's first page.
void switch_to_fifo() {
    if (control != nullptr) { return; }
    control = static_cast<u32*>(guest::memory::allocate());
    array = static_cast<u32*>(guest::memory::allocate());
    u64 frame = guest::memory::mfn_of(control).value;
    accepted(init_control(frame, 0, 0), "a control block");
    accepted(init_control(frame, 128, 1), "the other vCPU's");
    accepted(expand(guest::memory::mfn_of(array).value), "the array's first page");
}

void rewritten_in_use() {
    switch_to_fifo();
    u64 frame = guest::memory::mfn_of(control).value;
    refused(init_control(frame, 0, 0), "a second control block of one vCPU");
    refused(guest::page_table::pin(1, Mfn{frame}), "a control block becomes a page table");
    std::array<guest::EvtchnPort, ports> mine{};
    u32 count = 0;
    abi::EvtchnBindIpi ipi{};
    for (; count < ports; ++count) {
        ipi.vcpu = {count & 1};
        if (call(op::bind_ipi, ipi) != 0) { break; }
        mine[count] = ipi.port;
    }
    start_racer(scribble);
    for (u32 round = 0; round < 20000; ++round) {
        guest::EvtchnPort port = mine[round % count];
        abi::EvtchnSend send{port};
        accepted(call(op::send, send), "send");
        abi::EvtchnUnmask unmask{port};
        (void)call(op::unmask, unmask);
        abi::EvtchnSetPriority priority{port, round % 16};
        accepted(call(op::set_priority, priority), "a priority");
        if (round % 64 == 0) { scribble(); }
        if (round % 256 == 0) {
            abi::SchedPoll poll{
                .ports = guest::pointer_to(&mine[0]), .nr_ports = 4, .pad = 0, .timeout = guest::time::now() + 1000};
            (void)guest::sched_op(abi::schedop::poll, &poll);
        }
    }
    stop_racer();
    for (u32 i = 0; i < count; ++i) {
        abi::EvtchnClose close{mine[i]};
        accepted(call(op::close, close), "close");
    }
    for (u32 i = 2 * ports; i < words_per_page; ++i) { expect(array[i] == 0, "words of ports that were not used"); }
}

// More pages than there are ports, and the same page again and again.
void array_pages() {
    switch_to_fifo();
    u64 frame = guest::memory::mfn_of(array).value;
    u32 pages = 0;
    while (pages < 1000 && expand(frame) == 0) { ++pages; }
    expect(pages < 256, "the array ends where the ports do");
    abi::EvtchnBindIpi ipi{};
    if (call(op::bind_ipi, ipi) == 0) {
        abi::EvtchnSend send{ipi.port};
        accepted(call(op::send, send), "send");
        abi::EvtchnClose close{ipi.port};
        accepted(call(op::close, close), "close");
    }
}

constexpr std::array list{
    Attack{"fifo.numbers", numbers},
    Attack{"fifo.rewritten_in_use", rewritten_in_use},
    Attack{"fifo.array_pages", array_pages},
};
}  // namespace

Topic fifo_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

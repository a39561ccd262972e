// SPDX-License-Identifier: MIT
// Event channels: numbers out of range, other domains' ports, shared structures rewritten while they are in use.
#include "runtime/event.hpp"

#include <array>

#include "attack.hpp"
#include "runtime/time.hpp"

namespace attacks {
namespace {
namespace op = abi::evtchnop;

template <class T>
i64 call(u32 command, T& argument) {
    return guest::event_channel_op(command, &argument);
}

constexpr u32 bad_ports[] = {0, 1000, 1024, 4095, 4096, 4097, 131071, 131072, 0x7fffffff, 0x80000000, 0xffffffff};
constexpr u32 bad_vcpus[] = {4, 31, 32, 64, 8192, 0x7fffffff, 0x80000000, 0xffffffff};
constexpr u16 others[] = {0, 1, 3, 9999, 0x7ff1, 0x7ff2, 0x7ff4, 0x7fff, 0xffff};

void port_numbers() {
    for (u32 number : bad_ports) {
        guest::EvtchnPort port{number};
        abi::EvtchnSend send{port};
        abi::EvtchnClose close{port};
        abi::EvtchnUnmask unmask{port};
        abi::EvtchnBindVcpu bind{port, {0}};
        abi::EvtchnSetPriority priority{port, 3};
        abi::EvtchnStatus status{};
        status.dom = abi::domid_self;
        status.port = port;
        refused(call(op::send, send), "send to a port that is not there");
        refused(call(op::close, close), "close of one");
        refused(call(op::bind_vcpu, bind), "bind of one");
        refused(call(op::set_priority, priority), "priority of one");
        expect(call(op::unmask, unmask) < 0 || number < 4096, "unmask of one");
        expect(call(op::status, status) < 0 || status.status == abi::evtchnstat::closed, "state of one");
        (void)guest::sched_op(abi::schedop::yield);
    }
    guest::EvtchnPort ports[2] = {{0xffffffff}, {4096}};
    abi::SchedPoll poll{.ports = guest::pointer_to(&ports[0]), .nr_ports = 2, .pad = 0, .timeout = 1};
    refused(guest::sched_op(abi::schedop::poll, &poll), "a poll of ports that are not there");
}

void vcpu_numbers() {
    abi::EvtchnBindIpi mine{};
    accepted(call(op::bind_ipi, mine), "a port");
    for (u32 vcpu : bad_vcpus) {
        abi::EvtchnBindIpi ipi{.vcpu = {vcpu}, .port = {0}};
        refused(call(op::bind_ipi, ipi), "an IPI for a vCPU that is not there");
        abi::EvtchnBindVirq virq{.virq = abi::virq::debug, .vcpu = {vcpu}, .port = {0}};
        refused(call(op::bind_virq, virq), "a virq for one");
        abi::EvtchnBindVcpu bind{mine.port, {vcpu}};
        refused(call(op::bind_vcpu, bind), "a port moves to one");
    }
    for (u32 line : {24u, 25u, 31u, 32u, 255u, 0x80000000u, 0xffffffffu}) {
        abi::EvtchnBindVirq virq{.virq = line, .vcpu = {0}, .port = {0}};
        refused(call(op::bind_virq, virq), "a virq that is not there");
    }
    for (u32 line : {1u, 9u, 100u, 4096u, 0xffffffffu}) {
        abi::EvtchnBindPirq pirq{.pirq = line, .flags = 0, .port = {0}};
        refused(call(op::bind_pirq, pirq), "an interrupt of the machine's");
    }
    abi::EvtchnClose close{mine.port};
    accepted(call(op::close, close), "close");
}

void other_domains() {
    for (u16 domid : others) {
        abi::EvtchnAllocUnbound unbound{.dom = {domid}, .remote_dom = abi::domid_self, .port = {0}};
        refused(call(op::alloc_unbound, unbound), "a port in another domain");
        abi::EvtchnStatus status{};
        status.dom = {domid};
        refused(call(op::status, status), "the state of another's port");
        abi::EvtchnReset reset{.dom = {domid}};
        refused(call(op::reset, reset), "another's ports are closed");
        for (u32 port = 0; port < 64; ++port) {
            abi::EvtchnBindInterdomain bind{.remote_dom = {domid}, .pad = 0, .remote_port = {port}, .local_port = {0}};
            refused(call(op::bind_interdomain, bind), "a port that is not reserved for us");
        }
    }
}

// Every port there is: the limit holds, and all can be closed.
void all_ports() {
    static constinit std::array<guest::EvtchnPort, 4096> ports{};
    u32 count = 0;
    abi::EvtchnBindIpi ipi{};
    while (count < ports.size() && call(op::bind_ipi, ipi) == 0) { ports[count++] = ipi.port; }
    expect(count < 1024, "no more ports than the domain may have");
    for (u32 i = 0; i < count; ++i) {
        abi::EvtchnClose close{ports[i]};
        accepted(call(op::close, close), "close");
    }
}

// The pending and mask bits, the selector and the flags are the guest's to write: garbage hurts only itself.
void shared_bits() {
    guest::event::disable();
    abi::EvtchnBindIpi ipi{};
    accepted(call(op::bind_ipi, ipi), "a port");
    for (u64 pattern : {~u64{0}, u64{0}, u64{0xaaaaaaaaaaaaaaaa}}) {
        for (u32 word = 0; word < 64; ++word) {
            guest::shared_info().evtchn_pending[word] = pattern;
            guest::shared_info().evtchn_mask[word] = pattern;
        }
        guest::vcpu_info().evtchn_pending_sel = pattern;
        guest::vcpu_info().evtchn_upcall_pending = static_cast<u8>(pattern);
        abi::EvtchnSend send{ipi.port};
        accepted(call(op::send, send), "send");
        abi::EvtchnUnmask unmask{ipi.port};
        accepted(call(op::unmask, unmask), "unmask");
        guest::time::sleep_until(guest::time::now() + 100000);
    }
    // The version of the time is the hypervisor's to write, and may be overwritten.
    for (u32 version : {0u, 1u, 0xffffffffu}) {
        guest::vcpu_info().time.version = version;
        (void)guest::sched_op(abi::schedop::yield);
    }
    for (u32 word = 0; word < 64; ++word) {
        guest::shared_info().evtchn_mask[word] = ~u64{0};
        guest::shared_info().evtchn_pending[word] = 0;
    }
    guest::vcpu_info().evtchn_pending_sel = 0;
    guest::vcpu_info().evtchn_upcall_pending = 0;
    abi::EvtchnClose close{ipi.port};
    accepted(call(op::close, close), "close");
    guest::time::sleep_until(guest::time::now() + guest::time::millisecond);
    guest::event::enable();
}

constexpr std::array list{
    Attack{"events.port_numbers", port_numbers},   Attack{"events.vcpu_numbers", vcpu_numbers},
    Attack{"events.other_domains", other_domains}, Attack{"events.all_ports", all_ports},
    Attack{"events.shared_bits", shared_bits},
};
}  // namespace

Topic event_attacks() { return {list.begin(), list.end()}; }
}  // namespace attacks

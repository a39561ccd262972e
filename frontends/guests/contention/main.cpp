// SPDX-License-Identifier: MIT
// All CPUs fight for the run queue of one: three vCPUs wake the first one, which goes back to sleep at once, and ask
// for its times in between, as fast as they can. Ends when each has done its rounds and the first one was woken often
// enough.
#include <array>
#include <atomic>

#include "runtime/event.hpp"
#include "runtime/guest.hpp"
#include "runtime/smp.hpp"
#include "runtime/time.hpp"

namespace contention {
namespace {
using guest::EvtchnPort, guest::u32, guest::u64;

constexpr u32 vcpus = guest::smp::most_vcpus, least_rounds = 20'000, least_wakes = 200;

constinit std::array<EvtchnPort, vcpus> ports{};  // of the first vCPU, for each of the others
constinit std::atomic<u32> present{0}, finished{0}, wakes{0};

[[noreturn]] void other_vcpu() {
    u32 const vcpu = guest::smp::current();
    ++present;
    while (present != vcpus - 1) { (void)guest::sched_op(abi::schedop::yield); }
    for (u32 round = 0; round < least_rounds || wakes < least_wakes; ++round) {
        (void)guest::event::send(ports[vcpu]);
        abi::VcpuRunstateInfo info;
        for (u32 i = 0; i < 4; ++i) { (void)guest::vcpu_op(abi::vcpuop::get_runstate_info, 0, &info); }
    }
    ++finished;
    (void)guest::event::send(ports[vcpu]);
    (void)guest::vcpu_op(abi::vcpuop::down, vcpu);
    guest::panic("a vCPU that is down runs");
}

void start_others() {
    for (u32 vcpu = 1; vcpu < vcpus; ++vcpu) {
        abi::EvtchnBindIpi op{.vcpu = abi::VcpuId{0}, .port = {0}};
        if (guest::event_channel_op(abi::evtchnop::bind_ipi, &op) != 0) { guest::panic("no port"); }
        guest::event::clear(op.port);
        ports[vcpu] = op.port;
    }
    for (u32 vcpu = 1; vcpu < vcpus; ++vcpu) {
        if (!guest::smp::start(vcpu, other_vcpu)) { guest::panic("too few vCPUs"); }
    }
}
}  // namespace
}  // namespace contention

void guest::main() {
    using namespace contention;
    start_others();
    u64 const begin = time::now();
    for (; finished != vcpus - 1; ++wakes) {
        abi::SchedPoll poll{.ports = pointer_to(&ports[1]), .nr_ports = vcpus - 1, .pad = 0, .timeout = 0};
        if (sched_op(abi::schedop::poll, &poll) != 0) { panic("SCHEDOP_poll was refused"); }
        for (u32 vcpu = 1; vcpu < vcpus; ++vcpu) { event::clear(ports[vcpu]); }
    }
    print("{} rounds of {} vCPUs and {} wake-ups in {} ms\n", least_rounds, vcpus - 1, wakes.load(),
          (time::now() - begin) / time::millisecond);
}

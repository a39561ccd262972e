// SPDX-License-Identifier: MIT
// The sysctl hypercall: what tools ask about the machine, and the log.
#include "public/sysctl.hpp"
#include <algorithm>
#include "base/log.hpp"
#include "core/control/cpu_policy.hpp"
#include "core/control/debug_keys.hpp"
#include "core/control/domctl.hpp"
#include "core/control/tool_bitmap.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/time.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/perf.hpp"
#include "core/sched/scheduler.hpp"

template <>
constexpr bool hv::all_bytes_are_members<abi::Sysctl> = true;

namespace hv::control {
namespace {
// The ring's indices have 64 bits, the tool's 32: it is taken for the one nearest below the end.
u64 widen_index(u32 index) {
    u64 const end = log::read_ring(~u64{0}, {}).next_index;
    u64 const behind = static_cast<u32>(static_cast<u32>(end) - index);
    return behind <= end ? end - behind : 0;
}

Result<> read_console(abi::SysctlReadconsole& op) {
    std::array<char, 256> chunk;
    u64 index = op.incremental ? widen_index(op.index) : 0;
    u32 copied = 0;
    while (copied < op.count) {
        usize const room = std::min<usize>(chunk.size(), op.count - copied);
        log::Chunk const read = log::read_ring(index, {chunk.data(), room});
        if (read.size == 0) break;
        TRY(copy_out_bytes(op.buffer.address + copied, chunk.data(), read.size));
        copied += static_cast<u32>(read.size);
        index = read.next_index;
    }
    op.count = copied;
    op.index = static_cast<u32>(index);
    if (op.clear) log::clear_ring();
    return {};
}

Result<> physical_info(abi::SysctlPhysinfo& info) {
    u32 const cpus = hal::online_cpus();
    info = {};
    info.threads_per_core = info.nr_nodes = 1;
    info.cores_per_socket = info.nr_cpus = cpus;
    info.max_cpu_id = cpus - 1;
    info.cpu_khz = static_cast<u32>(hal::tsc_khz());
    info.capabilities = abi::physcap::pv | abi::physcap::gnttab_v1;
    info.total_pages = total_frame_count();
    info.free_pages = free_frame_count();
    info.outstanding_pages = claimed_frame_count();
    info.max_mfn = max_mfn - 1;
    for (u32 i = 0; i < std::size(info.hw_cap); ++i) info.hw_cap[i] = feature_word(Policy::hypervisor, i);
    return {};
}

Result<> list_domains(abi::SysctlGetdomaininfolist& op) {
    op.num_domains = 0;
    for (Domid next = op.first_domain; op.num_domains < op.max_domains; ++next.value) {
        Result<DomainRef> domain = find_domain_from(next);
        if (!domain) break;
        next = (*domain)->id;
        TRY(copy_out(op.buffer + op.num_domains++, describe_domain(**domain)));
    }
    return {};
}

Result<> debug_keys(abi::SysctlDebugKeys const& op) {
    constexpr u32 most_keys = 16;
    if (op.nr_keys > most_keys) return Errno::toobig;
    for (u32 i = 0; i < op.nr_keys; ++i) {
        char const key = TRY(copy_in(op.keys + i));
        press_debug_key(key);
    }
    return {};
}

Result<> cpu_info(abi::SysctlGetcpuinfo& op) {
    u32 const count = std::min(op.max_cpus, hal::online_cpus());
    for (u32 cpu = 0; cpu < count; ++cpu) {
        u64 const idle = sched::runstate_of(sched::idle_vcpu(cpu)).time[abi::runstate::running];
        TRY(copy_out(op.info + cpu, abi::SysctlCpuinfo{idle}));
    }
    op.nr_cpus = count;
    return {};
}

Result<> cpu_topology(abi::SysctlCputopoinfo& op) {
    u32 const cpus = hal::online_cpus();
    u32 const count = op.cputopo.is_null() ? 0 : std::min(op.num_cpus, cpus);
    for (u32 cpu = 0; cpu < count; ++cpu) TRY(copy_out(op.cputopo + cpu, abi::SysctlCputopo{cpu, 0, 0}));
    op.num_cpus = op.cputopo.is_null() ? cpus : count;
    return {};
}

// One node, at distance 10 (the customary "here") from itself.
Result<> numa_info(abi::SysctlNumainfo& op) {
    constexpr u32 distance_to_itself = 10;
    if (op.num_nodes == 0 && !op.meminfo.is_null()) return Errno::nobufs;
    if (!op.meminfo.is_null())
        TRY(copy_out(op.meminfo,
                     abi::SysctlMeminfo{total_frame_count() << page_shift, free_frame_count() << page_shift}));
    if (!op.distance.is_null() && op.num_nodes != 0) TRY(copy_out(op.distance, distance_to_itself));
    op.num_nodes = 1;
    return {};
}

// No device is known to be nearer to some memory than to other.
Result<> pci_topology(abi::SysctlPcitopoinfo& op) {
    constexpr u32 most_devices = 64;  // a call: tools go on behind the number they are told
    if (op.devs.is_null() || op.nodes.is_null()) return Errno::inval;
    op.num_devs = std::min(op.num_devs, most_devices);
    for (u32 i = 0; i < op.num_devs; ++i) TRY(copy_out(op.nodes + i, abi::invalid_topology_id));
    return {};
}

// One pool with all CPUs and all domains. A request for the next one finds none.
Result<> cpu_pool_op(abi::SysctlCpupoolOp& op) {
    CpuMask cpus;
    switch (op.op) {
        case abi::cpupoolop::info:
            if (op.cpupool_id != 0) return Errno::noent;
            op.sched_id = abi::scheduler::credit2;
            op.n_dom = 0;
            for (Domid next{0}; Result<DomainRef> domain = find_domain_from(next); ++next.value, ++op.n_dom)
                next = (*domain)->id;
            for (CpuId cpu = 0; cpu < hal::online_cpus(); ++cpu) cpus.set(cpu);
            return write_bitmap(op.cpumap, cpus);
        case abi::cpupoolop::freeinfo: return write_bitmap(op.cpumap, cpus);
        case abi::cpupoolop::movedomain: return require(op.cpupool_id == 0, Errno::noent);
        default: return Errno::opnotsupp;
    }
}

// Zero, which means no limit to tools, becomes the least: a vCPU that is switched to gets somewhere.
Result<> set_shortest_run(u32 us) {
    constexpr u32 least = 100, most = 500'000;  // Xen's
    if (us > most || (us != 0 && us < least)) return Errno::inval;
    sched::shortest_run = std::max(us, least) * Time{1000};
    return {};
}

Result<> machine_scheduler_op(abi::SysctlSchedulerOp& op) {
    if (op.cpupool_id != 0 || op.sched_id != abi::scheduler::credit2) return Errno::inval;
    u32& ratelimit = op.u.sched_credit2.ratelimit_us;
    if (op.cmd == abi::scheduler::putinfo) TRY(set_shortest_run(ratelimit));
    else if (op.cmd != abi::scheduler::getinfo) return Errno::opnotsupp;
    ratelimit = static_cast<u32>(sched::shortest_run / 1000);
    return {};
}

Result<> copy_counters(abi::SysctlPerfcOp const& op, u32 cpus) {
    for (u32 counter = 0; counter < op.nr_counters; ++counter) {
        abi::SysctlPerfcDesc desc{.name = {}, .nr_vals = cpus};
        perf::names[counter].copy(desc.name, sizeof desc.name);
        TRY(copy_out(op.desc + counter, desc));
        for (CpuId cpu = 0; cpu < cpus; ++cpu)
            TRY(copy_out(op.val + (counter * cpus + cpu), hal::perf_counts(cpu)[counter]));
    }
    return {};
}

// Each counter has a value for each CPU. A reset tells what it forgets.
Result<> perf_counters(abi::SysctlPerfcOp& op) {
    if (op.cmd != abi::perfcop::query && op.cmd != abi::perfcop::reset) return Errno::inval;
    u32 const cpus = hal::online_cpus();
    op.nr_counters = perf::names.size();
    op.nr_vals = op.nr_counters * cpus;
    if (!op.desc.is_null()) TRY(copy_counters(op, cpus));
    if (op.cmd == abi::perfcop::query) return {};
    for (CpuId cpu = 0; cpu < cpus; ++cpu) hal::perf_counts(cpu) = {};
    return {};
}

// The first two policies have the numbers of the feature sets of these names.
Policy policy_of(u32 index) {
    if (index == u32{abi::cpu_policy::raw}) return Policy::machine;
    return index == u32{abi::cpu_policy::host} ? Policy::hypervisor : Policy::guests;
}

// A tool with room for a part gets that part.
Result<> cpu_features(abi::SysctlCpuFeatureset& op) {
    if (op.features.is_null()) {
        op.nr_features = feature_words;
        return {};
    }
    if (op.index > abi::featureset::hvm_max) return Errno::inval;
    Policy const policy = policy_of(op.index);
    if (op.index == abi::featureset::hvm || op.index == abi::featureset::hvm_max) return Errno::opnotsupp;
    u32 const count = std::min(op.nr_features, feature_words);
    for (u32 i = 0; i < count; ++i) TRY(copy_out(op.features + i, feature_word(policy, i)));
    op.nr_features = count;
    return require(count == feature_words, Errno::nobufs);
}

Result<> cpu_policy(abi::SysctlCpuPolicy& op) {
    if (op.rsvd || op.index > abi::cpu_policy::hvm_default) return Errno::inval;
    if (op.index == abi::cpu_policy::hvm_max || op.index == abi::cpu_policy::hvm_default) return Errno::opnotsupp;
    return get_policy(policy_of(op.index), op);
}

// Power states are left to the firmware, and no processor comes or goes.
Result<> power_statistics(abi::SysctlGetPmstat const& op) {
    return op.cpuid < hal::online_cpus() ? Errno::nodev : Errno::inval;
}

Result<> power_op(abi::SysctlPmOp& op) {
    if (op.cmd == abi::pmop::get_max_cstate) {
        op.value = abi::pmop::cx_unlimited;
        return require(op.cpuid < 2, Errno::inval);
    }
    if (op.cpuid >= hal::online_cpus()) return Errno::inval;
    return (op.cmd & abi::pmop::category_mask) == abi::pmop::cpufreq ? Errno::nodev : Errno::nosys;
}

Result<> cpu_hotplug(abi::SysctlCpuHotplug const& op) {
    if (op.op > abi::cpuhotplug::offline) return Errno::opnotsupp;
    if (op.cpu >= hal::online_cpus()) return Errno::inval;
    return op.op == abi::cpuhotplug::online ? Errno::exist : Errno::opnotsupp;
}

Result<> perform(abi::Sysctl& op) {
    namespace command = abi::sysctl;
    auto& u = op.u;
    switch (op.cmd) {
        case command::readconsole: return read_console(u.readconsole);
        case command::physinfo: return physical_info(u.physinfo);
        case command::sched_id: u.sched_id.sched_id = abi::scheduler::credit2; return {};
        case command::perfc_op:  // without counters Xen does not know it either
            return perf::counting ? perf_counters(u.perfc_op) : Errno::nosys;
        case command::getdomaininfolist: return list_domains(u.getdomaininfolist);
        case command::debug_keys: return debug_keys(u.debug_keys);
        case command::getcpuinfo: return cpu_info(u.getcpuinfo);
        case command::availheap: u.availheap.avail_bytes = free_frame_count() << page_shift; return {};
        case command::get_pmstat: return power_statistics(u.get_pmstat);
        case command::cpu_hotplug: return cpu_hotplug(u.cpu_hotplug);
        case command::pm_op: return power_op(u.pm_op);
        case command::coverage_op: return Errno::opnotsupp;
        case command::psr_cmt_op:
        case command::psr_alloc: return Errno::nodev;
        case command::cputopoinfo: return cpu_topology(u.cputopoinfo);
        case command::numainfo: return numa_info(u.numainfo);
        case command::pcitopoinfo: return pci_topology(u.pcitopoinfo);
        case command::cpupool_op: return cpu_pool_op(u.cpupool_op);
        case command::scheduler_op: return machine_scheduler_op(u.scheduler_op);
        case command::get_cpu_levelling_caps: u.cpu_levelling_caps.caps = 0; return {};
        case command::get_cpu_featureset: return cpu_features(u.cpu_featureset);
        case command::get_cpu_policy: return cpu_policy(u.cpu_policy);
        default: return Errno::nosys;
    }
}
}  // namespace
}  // namespace hv::control

namespace hv {
Outcome do_sysctl(Vcpu& vcpu, HypercallArgs& args) {
    if (!vcpu.domain->privileged) return Errno::perm;
    guest_ptr<abi::Sysctl> const at{args[0]};
    abi::Sysctl op = TRY(copy_in(at));
    if (op.interface_version != abi::sysctl_interface_version) return Errno::acces;
    TRY(copy_out(at, op));  // tried first: what is done must be told
    Result<> const done = control::perform(op);
    if (done) TRY(copy_out(at, op));
    return done;
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// The domctl hypercall: copy in, check version and privilege, find the domain, hand over to the sub-operation.
#include "core/control/domctl.hpp"
#include <algorithm>
#include "core/control/cpu_policy.hpp"
#include "core/event/virq.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/time/guest_time.hpp"

template <>
constexpr bool hv::all_bytes_are_members<abi::Domctl> = true;

namespace hv::control {
namespace {
constexpr u32 address_bits = 64;  // of the only kind of guest there is

// An id without a domain finds the next one: tools walk the list of domains that way.
Result<> get_domain_info(abi::Domctl& op) {
    DomainRef const domain = TRY(find_domain_from(op.domain));
    op.u.getdomaininfo = describe_domain(*domain);
    op.domain = domain->id;
    return {};
}

Result<> set_time_offset(Domain& domain, i64 seconds) {
    domain.wall_clock_offset = seconds;
    guest_time::write_wall_clock(domain);
    return {};
}

// What a domain must not do to itself: its caller would wait for itself, or saw off the branch it sits on.
bool is_for_others_only(u32 command) {
    namespace op = abi::domctl;
    return command == op::destroydomain || command == op::pausedomain || command == op::unpausedomain ||
           command == op::resumedomain || command == op::max_vcpus || command == op::setvcpucontext ||
           command == op::getvcpucontext || command == op::set_ext_vcpucontext || command == op::get_ext_vcpucontext ||
           command == op::hypercall_init || command == op::set_cpu_policy;
}

Result<> perform_on(Domain& domain, abi::Domctl& op) {
    namespace command = abi::domctl;
    auto& u = op.u;
    switch (op.cmd) {
        case command::destroydomain: return require(destroy_domain(domain), Errno::again);
        case command::pausedomain: return pause(domain);
        case command::unpausedomain: return unpause(domain);
        case command::resumedomain: resume_domain(domain); return {};
        case command::max_vcpus:
            return u.max_vcpus.max == domain.max_vcpus ? create_vcpus(domain, domain.max_vcpus) : Errno::inval;
        // A limit below what the domain has is fine: it gets no more.
        case command::max_mem: domain.max_pages = u.max_mem.max_memkb >> (page_shift - 10); return {};
        case command::hypercall_init: return init_hypercall_page(domain, u.hypercall_init.gmfn);
        case command::settimeoffset: return set_time_offset(domain, u.settimeoffset.time_offset_seconds);
        case command::setdomainhandle:
            std::ranges::copy(u.setdomainhandle.handle.bytes, domain.handle.begin());
            return {};
        case command::set_address_size: return require(u.address_size.size == address_bits, Errno::opnotsupp);
        case command::get_address_size: u.address_size.size = address_bits; return {};
        case command::setvcpucontext: return set_vcpu_context(domain, u.vcpucontext);
        case command::getvcpucontext: return get_vcpu_context(domain, u.vcpucontext);
        case command::set_ext_vcpucontext: return set_extended_context(domain, u.ext_vcpucontext);
        case command::get_ext_vcpucontext: return get_extended_context(domain, u.ext_vcpucontext);
        case command::set_vcpu_msrs: return set_vcpu_msrs(domain, u.vcpu_msrs);
        case command::get_vcpu_msrs: return get_vcpu_msrs(domain, u.vcpu_msrs);
        case command::getvcpuinfo: return get_vcpu_info(domain, u.getvcpuinfo);
        case command::setvcpuaffinity: return set_vcpu_affinity(domain, u.vcpuaffinity);
        case command::getvcpuaffinity: return get_vcpu_affinity(domain, u.vcpuaffinity);
        case command::setnodeaffinity: return set_node_affinity(u.nodeaffinity);
        case command::getnodeaffinity: return get_node_affinity(u.nodeaffinity);
        case command::scheduler_op: return scheduler_op(domain, u.scheduler_op);
        case command::settscinfo: return set_tsc_info(u.tsc_info);
        case command::gettscinfo: return get_tsc_info(u.tsc_info);
        case command::getpageframeinfo3: return get_page_frame_info(domain, u.getpageframeinfo3);
        case command::sendtrigger: return send_trigger(domain, u.sendtrigger);
        case command::set_virq_handler: return set_virq_handler(domain, u.set_virq_handler.virq);
        case command::get_cpu_policy: return get_policy(Policy::guests, u.cpu_policy);
        case command::set_cpu_policy: return check_policy(u.cpu_policy);
        default: return Errno::nosys;
    }
}

Result<> perform(Domain& caller, abi::Domctl& op) {
    if (op.cmd == abi::domctl::createdomain) return create(op);
    if (op.cmd == abi::domctl::getdomaininfo) return get_domain_info(op);
    DomainRef const domain = TRY(resolve_domain(caller, op.domain));
    if (&*domain == &caller && is_for_others_only(op.cmd)) return Errno::inval;
    if (domain->is_dying() && op.cmd != abi::domctl::destroydomain) return Errno::srch;
    return perform_on(*domain, op);
}

// One domctl at a time: nothing here is hot, and operations such as destroying keep their state in the domain.
// Whoever comes second tries again instead of spinning.
class Turn {
public:
    Turn() : mine_{!taken_.exchange(true, std::memory_order_acquire)} {}
    Turn(Turn const&) = delete;
    ~Turn() {
        if (mine_) taken_.store(false, std::memory_order_release);
    }
    bool is_mine() const { return mine_; }

private:
    static constinit std::atomic<bool> taken_;
    bool mine_;
};
constinit std::atomic<bool> Turn::taken_{false};
}  // namespace
}  // namespace hv::control

namespace hv {
Outcome do_domctl(Vcpu& vcpu, HypercallArgs& args) {
    if (!vcpu.domain->privileged) return Errno::perm;
    control::Turn const turn;
    if (!turn.is_mine()) return Outcome::again();
    guest_ptr<abi::Domctl> const at{args[0]};
    abi::Domctl op = TRY(copy_in(at));
    if (op.interface_version != abi::domctl_interface_version) return Errno::acces;
    TRY(copy_out(at, op));  // tried first: what is done must be told
    Result<> const done = control::perform(*vcpu.domain, op);
    // A refused policy is the one failure with an answer: where it asks for too much.
    if (done || op.cmd == abi::domctl::set_cpu_policy) TRY(copy_out(at, op));
    return done;
}
}  // namespace hv

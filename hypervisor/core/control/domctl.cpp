// SPDX-License-Identifier: MIT
// The domctl hypercall: copy in, check version and privilege, find the domain, hand over to the sub-operation.
#include "core/control/domctl.hpp"
#include <algorithm>
#include "core/control/cpu_policy.hpp"
#include "core/control/domain_info.hpp"
#include "core/event/event_channel.hpp"
#include "core/guest_access.hpp"
#include "core/hypercall/dispatch.hpp"

namespace hv::control {
namespace {
constexpr u32 address_bits = 64;  // of the only kind of guest there is

// An id without a domain finds the next one: tools walk the list of domains that way.
Result<Reply> get_domain_info(abi::Domctl& op) {
    DomainRef const domain = TRY(find_domain_from(op.domain));
    op.u.getdomaininfo = describe_domain(*domain);
    op.domain = domain->id;
    return Reply::updated;
}

Result<Reply> set_handle(Domain& domain, abi::DomctlSetdomainhandle const& op) {
    std::ranges::copy(op.handle.bytes, domain.handle.begin());
    return Reply::plain;
}

Result<Reply> set_address_size(abi::DomctlAddressSize const& op) {
    if (op.size != address_bits) return Errno::opnotsupp;
    return Reply::plain;
}

Result<Reply> get_address_size(abi::DomctlAddressSize& op) {
    op.size = address_bits;
    return Reply::updated;
}

Result<Reply> set_handler(Domain& domain, abi::DomctlSetVirqHandler const& op) {
    TRY(hv::set_virq_handler(domain, op.virq));
    return Reply::plain;
}

Result<Reply> get_policy(abi::DomctlCpuPolicy& op) {
    PolicySize const size = TRY(read_policy(op.nr_leaves, op.nr_msrs, op.leaves, op.msrs));
    op.nr_leaves = size.leaves;
    op.nr_msrs = size.msrs;
    return Reply::updated;
}

// The one operation that tells even when it fails: where the policy asks for too much.
Result<Reply> set_policy(abi::Domctl& op, guest_ptr<abi::Domctl> at) {
    Result<> const checked = check_policy(op.u.cpu_policy);
    TRY(copy_out(at, op));
    if (!checked) return checked.error();
    return Reply::plain;
}

// What a domain must not do to itself: its caller would wait for itself, or saw off the branch it sits on.
bool is_for_others_only(u32 command) {
    namespace op = abi::domctl;
    return command == op::destroydomain || command == op::pausedomain || command == op::unpausedomain ||
           command == op::resumedomain || command == op::max_vcpus || command == op::setvcpucontext ||
           command == op::getvcpucontext || command == op::set_ext_vcpucontext || command == op::get_ext_vcpucontext ||
           command == op::hypercall_init || command == op::set_cpu_policy;
}

Result<Reply> perform_on(Domain& domain, abi::Domctl& op, guest_ptr<abi::Domctl> at) {
    namespace command = abi::domctl;
    auto& u = op.u;
    switch (op.cmd) {
        case command::destroydomain: return destroy(domain);
        case command::pausedomain: return pause(domain);
        case command::unpausedomain: return unpause(domain);
        case command::resumedomain: return resume(domain);
        case command::max_vcpus: return set_max_vcpus(domain, u.max_vcpus);
        case command::max_mem: return set_max_memory(domain, u.max_mem);
        case command::hypercall_init: return init_hypercall_page(domain, u.hypercall_init);
        case command::settimeoffset: return set_time_offset(domain, u.settimeoffset);
        case command::setdomainhandle: return set_handle(domain, u.setdomainhandle);
        case command::set_address_size: return set_address_size(u.address_size);
        case command::get_address_size: return get_address_size(u.address_size);
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
        case command::set_virq_handler: return set_handler(domain, u.set_virq_handler);
        case command::get_cpu_policy: return get_policy(u.cpu_policy);
        case command::set_cpu_policy: return set_policy(op, at);
        default: return Errno::nosys;
    }
}

Result<Reply> perform(Domain& caller, abi::Domctl& op, guest_ptr<abi::Domctl> at) {
    if (op.cmd == abi::domctl::createdomain) return create(op);
    if (op.cmd == abi::domctl::getdomaininfo) return get_domain_info(op);
    DomainRef const domain = TRY(resolve_domain(caller, op.domain));
    if (&*domain == &caller && is_for_others_only(op.cmd)) return Errno::inval;
    if (domain->is_dying() && op.cmd != abi::domctl::destroydomain) return Errno::srch;
    return perform_on(*domain, op, at);
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
    control::Reply const reply = TRY(control::perform(*vcpu.domain, op, at));
    if (reply == control::Reply::updated) TRY(copy_out(at, op));
    return 0;
}
}  // namespace hv

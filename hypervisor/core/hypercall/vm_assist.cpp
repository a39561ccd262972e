// SPDX-License-Identifier: MIT
// The vm_assist hypercall: behaviour that a domain switches on for itself.
#include "core/domain.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/pv/vcpu_context.hpp"

namespace hv {
Outcome do_vm_assist(Vcpu& vcpu, HypercallArgs& args) {
    u32 const command = static_cast<u32>(args[0]);
    u32 const type = static_cast<u32>(args[1]);
    if (command > abi::vmassist::disable) return Errno::nosys;
    if (type <= abi::vmassist::segments_4gb_notify) return 0;  // of 32-bit guests: nothing to do
    if (type >= 64 || !(pv::supported_assists >> type & 1)) return Errno::inval;
    u64& assists = vcpu.domain->vm_assist;
    if (command == abi::vmassist::enable) __atomic_fetch_or(&assists, u64{1} << type, __ATOMIC_RELAXED);
    else __atomic_fetch_and(&assists, ~(u64{1} << type), __ATOMIC_RELAXED);
    if (type == abi::vmassist::architectural_iopl)
        for (u32 id = 0; id < vcpu.domain->max_vcpus; ++id)
            if (Vcpu* each = vcpu.domain->vcpu(VcpuId{id})) each->shows_iopl = command == abi::vmassist::enable;
    return 0;
}
}  // namespace hv

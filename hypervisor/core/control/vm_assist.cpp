// SPDX-License-Identifier: MIT
// The vm_assist hypercall: behaviour that a domain switches on for itself.
#include "core/domain.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/pv/selector.hpp"

namespace hv {
namespace {
enum Command : u32 { enable = 0, disable = 1 };
}  // namespace

Outcome do_vm_assist(Vcpu& vcpu, HypercallArgs& args) {
    u32 const command = static_cast<u32>(args[0]);
    u32 const type = static_cast<u32>(args[1]);
    if (command > disable) return Errno::nosys;
    if (type == pv::assist::segments_4gb) return 0;  // of 32-bit guests: nothing to do
    if (type >= 64 || !(pv::supported_assists >> type & 1)) return Errno::inval;
    u64& assists = vcpu.domain->vm_assist;
    if (command == enable) __atomic_fetch_or(&assists, u64{1} << type, __ATOMIC_RELAXED);
    else __atomic_fetch_and(&assists, ~(u64{1} << type), __ATOMIC_RELAXED);
    return 0;
}
}  // namespace hv

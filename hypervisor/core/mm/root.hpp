// SPDX-License-Identifier: MIT
// The two roots of a vCPU: one its kernel runs on, one its user space. Each holds a typed l4 reference.
#pragma once
#include "core/domain.hpp"
#include "core/hal/vcpu.hpp"

namespace hv {
Result<> change_kernel_root(Vcpu& vcpu, Mfn mfn);
Result<> change_user_root(Vcpu& vcpu, Mfn mfn);

// The root becomes this frame; the former one is let go. The same frame again just flushes. Errors: inval, again.
inline Result<> set_kernel_root(Vcpu& vcpu, Mfn mfn) {
    if (!vcpu.kernel_root.is(mfn)) return change_kernel_root(vcpu, mfn);
    hal::load_root(vcpu);
    return {};
}
// Frame 0: no user root.
inline Result<> set_user_root(Vcpu& vcpu, Mfn mfn) {
    if (!vcpu.user_root.is(mfn)) return change_user_root(vcpu, mfn);
    return {};
}

// The M2P is not in a root before its kernel looks at it: so programs, on roots of their own, do not see it. True if
// that is what a fault at `address` meant: the kernel may try again. Another vCPU on this root may have looked since
// the fault, so it is not the slot that tells: what is in a root that is shown does not fault.
bool show_m2p(Vcpu const& vcpu, u64 address);

// For a vCPU that does not run and will not again.
void release_roots(Vcpu& vcpu);
}  // namespace hv

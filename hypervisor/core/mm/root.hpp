// SPDX-License-Identifier: MIT
// The two roots of a vCPU: one its kernel runs on, one its user space. Each holds a typed l4 reference.
#pragma once
#include "core/domain.hpp"

namespace hv {
// The root becomes this frame; the former one is let go. The same frame again just flushes. Errors: inval, again.
Result<> set_kernel_root(Vcpu& vcpu, Mfn mfn);
// Frame 0: no user root.
Result<> set_user_root(Vcpu& vcpu, Mfn mfn);

// The M2P is not in a root before its kernel looks at it: so programs, on roots of their own, do not see it. True if
// that is what a fault at `address` meant: the kernel may try again.
bool show_m2p(Vcpu const& vcpu, u64 address);

// For a vCPU that does not run and will not again.
void release_roots(Vcpu& vcpu);
}  // namespace hv

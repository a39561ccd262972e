// SPDX-License-Identifier: MIT
// The two roots of a vCPU: one its kernel runs on, one its user space. Each holds a typed l4 reference.
#pragma once
#include "core/domain.hpp"

namespace hv {
// The root becomes this frame; the former one is let go. The same frame again just flushes. Errors: inval, again.
Result<> set_kernel_root(Vcpu& vcpu, Mfn mfn);
// Frame 0: no user root.
Result<> set_user_root(Vcpu& vcpu, Mfn mfn);

// For a vCPU that does not run and will not again.
void release_roots(Vcpu& vcpu);
}  // namespace hv

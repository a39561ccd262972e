// SPDX-License-Identifier: MIT
#include "core/mm/root.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
namespace {
Result<Mfn> acquire_root(Domain& domain, Mfn mfn) {
    TypedRef root = TRY(get_typed(mfn, domain.id, PageType::l4));
    return std::move(root).leak_mfn();
}
}  // namespace

Result<> change_kernel_root(Vcpu& vcpu, Mfn mfn) {
    HeldRoot root = HeldRoot::adopt(TRY(acquire_root(*vcpu.domain, mfn)));
    vcpu.kernel_root.exchange(root);
    hal::load_root(vcpu);  // the processor leaves the old tables before they are let go
    return {};
}

Result<> change_user_root(Vcpu& vcpu, Mfn mfn) {
    HeldRoot root = mfn.value ? HeldRoot::adopt(TRY(acquire_root(*vcpu.domain, mfn))) : HeldRoot{};
    vcpu.user_root.exchange(root);  // not loaded: hypercalls run on the kernel root
    return {};
}

bool show_m2p(Vcpu const& vcpu, u64 address) {
    if (!vcpu.in_kernel || address - hypervisor_start >= m2p_size(max_mfn)) return false;
    u64* const slot = reinterpret_cast<u64*>(hal::map(vcpu.kernel_root.mfn())) + m2p_slot;
    __atomic_store_n(slot, hypervisor_l4_entries.front(), __ATOMIC_RELAXED);
    return true;
}

void release_roots(Vcpu& vcpu) {
    HeldRoot{}.exchange(vcpu.kernel_root);
    HeldRoot{}.exchange(vcpu.user_root);
}
}  // namespace hv

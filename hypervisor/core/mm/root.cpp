// SPDX-License-Identifier: MIT
#include "core/mm/root.hpp"
#include "core/hal.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/mm/validate.hpp"

namespace hv {
namespace {
Result<HeldRoot> acquire_root(Domain& domain, Mfn mfn) {
    return HeldRoot{TRY(get_typed(mfn, domain.id, PageType::l4))};
}
}  // namespace

Result<> set_kernel_root(Vcpu& vcpu, Mfn mfn) {
    if (vcpu.kernel_root.is(mfn)) {
        hal::load_root(vcpu);
        return {};
    }
    HeldRoot const old = vcpu.kernel_root.replace(TRY(acquire_root(*vcpu.domain, mfn)));
    hal::load_root(vcpu);  // the processor leaves the old tables before they are let go
    return {};
}

Result<> set_user_root(Vcpu& vcpu, Mfn mfn) {
    if (vcpu.user_root.is(mfn)) return {};
    HeldRoot fresh = mfn.value ? TRY(acquire_root(*vcpu.domain, mfn)) : HeldRoot{};
    (void)vcpu.user_root.replace(std::move(fresh));  // not loaded: hypercalls run on the kernel root
    return {};
}

bool show_m2p(Vcpu const& vcpu, u64 address) {
    if (!vcpu.in_kernel || address >> 39 != hypervisor_start >> 39) return false;
    u64* const slot = reinterpret_cast<u64*>(hal::map(vcpu.kernel_root.mfn())) + m2p_slot;
    if (__atomic_load_n(slot, __ATOMIC_RELAXED)) return false;
    __atomic_store_n(slot, hypervisor_l4_entries.front(), __ATOMIC_RELAXED);
    return true;
}

void release_roots(Vcpu& vcpu) {
    (void)vcpu.kernel_root.replace({});
    (void)vcpu.user_root.replace({});
}
}  // namespace hv

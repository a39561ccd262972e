// SPDX-License-Identifier: MIT
#include "core/mm/root.hpp"
#include "core/hal.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/mm/validate.hpp"

namespace hv {
namespace {
Result<u64> acquire_root(Domain& domain, Mfn mfn) {
    TypedRef root = TRY(get_typed(mfn, domain.id, PageType::l4));
    return std::move(root).leak_mfn().value << page_shift;
}

void release_root(u64 cr3) {
    if (cr3) TypedRef::release(page_of(Mfn{cr3 >> page_shift}));
}
}  // namespace

Result<> set_kernel_root(Vcpu& vcpu, Mfn mfn) {
    if (vcpu.kernel_cr3 == mfn.value << page_shift) {
        hal::load_root(vcpu);
        return {};
    }
    u64 fresh = TRY(acquire_root(*vcpu.domain, mfn));
    u64 old = std::exchange(vcpu.kernel_cr3, fresh);
    hal::load_root(vcpu);  // the processor leaves the old tables before anything lets go of them
    release_root(old);
    return {};
}

Result<> set_user_root(Vcpu& vcpu, Mfn mfn) {
    if (vcpu.user_cr3 == mfn.value << page_shift) return {};
    u64 fresh = 0;
    if (mfn.value) fresh = TRY(acquire_root(*vcpu.domain, mfn));
    release_root(std::exchange(vcpu.user_cr3, fresh));  // not loaded: hypercalls run on the kernel root
    return {};
}

bool show_m2p(Vcpu const& vcpu, u64 address) {
    if (!vcpu.in_kernel || address >> 39 != hypervisor_start >> 39) return false;
    u64* const slot = reinterpret_cast<u64*>(hal::map(Mfn{vcpu.kernel_cr3 >> page_shift})) + m2p_slot;
    if (__atomic_load_n(slot, __ATOMIC_RELAXED)) return false;
    __atomic_store_n(slot, hypervisor_l4_entries.front(), __ATOMIC_RELAXED);
    return true;
}

void release_roots(Vcpu& vcpu) {
    release_root(std::exchange(vcpu.kernel_cr3, 0));
    release_root(std::exchange(vcpu.user_cr3, 0));
}
}  // namespace hv

// SPDX-License-Identifier: MIT
// A root table that a vCPU holds by a typed l4 reference, or none. "None" is a state and no frame: whoever loads a root
// says what is loaded when there is none, and no number of a guest's becomes CR3 unless it was validated as a root.
#pragma once
#include <utility>
#include "core/mm/typed_ref.hpp"

namespace hv {
class HeldRoot {
public:
    constexpr HeldRoot() = default;
    explicit HeldRoot(TypedRef root) : cr3_{std::move(root).leak_mfn().value << page_shift} {}
    HeldRoot(HeldRoot&& other) noexcept : cr3_{std::exchange(other.cr3_, 0)} {}
    HeldRoot& operator=(HeldRoot&&) = delete;
    ~HeldRoot() {
        if (cr3_) TypedRef::release(page_of(mfn()));
    }

    // Puts another one here and returns the former, to be let go when no processor uses it any more.
    [[nodiscard]] HeldRoot replace(HeldRoot by) {
        std::swap(cr3_, by.cr3_);
        return by;
    }

    explicit operator bool() const { return cr3_ != 0; }
    bool is(Mfn mfn) const { return cr3_ != 0 && this->mfn() == mfn; }
    Mfn mfn() const { return Mfn{cr3_ >> page_shift}; }  // if there is one
    u64 cr3_or(u64 otherwise) const { return cr3_ ? cr3_ : otherwise; }

private:
    u64 cr3_ = 0;  // assembly reads it. Frame 0 is the hypervisor's, so 0 is no table of a guest's
};
static_assert(sizeof(HeldRoot) == sizeof(u64));
}  // namespace hv

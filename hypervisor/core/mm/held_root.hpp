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
    static HeldRoot adopt(Mfn held) { return HeldRoot{held.value << page_shift}; }  // with its l4 reference
    HeldRoot(HeldRoot&& other) noexcept : cr3_{std::exchange(other.cr3_, 0)} {}
    HeldRoot& operator=(HeldRoot&&) = delete;
    ~HeldRoot() {
        if (cr3_) TypedRef::release(page_of(mfn()));
    }

    // The other one gets the former, to be let go when no processor uses it any more.
    void exchange(HeldRoot& with) { std::swap(cr3_, with.cr3_); }

    explicit operator bool() const { return cr3_ != 0; }
    bool is(Mfn mfn) const {
        u64 const wanted = mfn.value << page_shift;
        return cr3_ == wanted && wanted != 0;
    }
    Mfn mfn() const { return Mfn{cr3_ >> page_shift}; }  // if there is one
    u64 cr3_or(u64 otherwise) const { return cr3_ ? cr3_ : otherwise; }

private:
    explicit constexpr HeldRoot(u64 cr3) : cr3_{cr3} {}

    u64 cr3_ = 0;  // assembly reads it. Frame 0 is the hypervisor's, so 0 is no table of a guest's
};
static_assert(sizeof(HeldRoot) == sizeof(u64));
}  // namespace hv

// SPDX-License-Identifier: MIT
// A structure that the hypervisor keeps up to date at a virtual address of the guest's kernel. The vCPU may be in user
// mode, with the other root loaded: the address is looked up in the kernel root's tables by hand.
#pragma once
#include <optional>
#include "core/domain.hpp"
#include "core/mm/typed_ref.hpp"

namespace hv {
class GuestArea {
public:
    static constexpr usize max_size = page_size;  // so it has two pages at most

    // Holds the frames, writable, until it is destroyed. fault: not all of it is mapped writable.
    static Result<GuestArea> open(Vcpu& vcpu, u64 address, usize size);
    void store(usize offset, void const* from, usize size);

private:
    struct Part {
        std::optional<TypedRef> frame;
        std::byte* memory = nullptr;
        usize size = 0;
    };
    Part first_;
    Part second_;
};
}  // namespace hv

// SPDX-License-Identifier: MIT
// What the guest has granted, as the block backend reaches it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "xen/grant_device.hpp"

namespace paravane::block {
class GuestPages {
public:
    virtual ~GuestPages() = default;

    // All pieces; false if the guest has not granted one of them so.
    virtual bool copy(CopyTo direction, std::span<GrantPiece const> pieces) = 0;
    // A page to read and write, until unmap(); null if it cannot be had.
    virtual std::byte* map(std::uint32_t ref) = 0;
    virtual void unmap(std::byte* page) = 0;
};
}  // namespace paravane::block

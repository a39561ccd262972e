// SPDX-License-Identifier: MIT
// The pages of a real guest, through gntdev.
#pragma once
#include <unordered_map>

#include "block/guest_pages.hpp"

namespace paravane::block {
class GrantedPages : public GuestPages {
public:
    explicit GrantedPages(GrantDevice device) : device_{std::move(device)} {}

    GrantDevice& device() { return device_; }

    bool copy(CopyTo direction, std::span<GrantPiece const> pieces) override {
        return static_cast<bool>(device_.copy(direction, pieces));
    }
    std::byte* map(std::uint32_t ref) override {
        Result<MappedGrants> mapped = device_.map({&ref, 1});
        if (!mapped) return nullptr;
        auto* const page = static_cast<std::byte*>(mapped->data());
        mapped_.emplace(page, *std::move(mapped));
        return page;
    }
    void unmap(std::byte* page) override { mapped_.erase(page); }

private:
    GrantDevice device_;
    std::unordered_map<std::byte*, MappedGrants> mapped_;
};
}  // namespace paravane::block

// SPDX-License-Identifier: MIT
// Pages that the guest keeps granted and we keep mapped, so that a request of the same pages maps and copies nothing.
// So many at most; the one that was not used for longest makes way, but none that a request is using. Where there is no
// room, or the guest has not granted the page so, the request copies.
#pragma once
#include <list>
#include <unordered_map>

#include "block/guest_pages.hpp"

namespace paravane::block {
class PersistentGrants {
public:
    PersistentGrants(GuestPages& guest, std::size_t most) : guest_{guest}, most_{most} {}
    PersistentGrants(PersistentGrants&&) = delete;
    ~PersistentGrants() {
        for (auto* list : {&idle_, &used_})
            for (Known const& known : *list) guest_.unmap(known.page);
    }

    // Once for each give_back().
    std::byte* take(std::uint32_t ref) {
        if (auto found = by_ref_.find(ref); found != by_ref_.end()) {
            Place const place = found->second;
            if (place->users++ == 0) used_.splice(used_.begin(), idle_, place);
            return place->page;
        }
        if (by_ref_.size() == most_ && !make_room()) return nullptr;
        std::byte* page = guest_.map(ref);
        if (page == nullptr) return nullptr;
        used_.push_front({ref, page, 1});
        by_ref_.emplace(ref, used_.begin());
        return page;
    }
    void give_back(std::uint32_t ref) {
        Place const place = by_ref_.at(ref);
        if (--place->users == 0) idle_.splice(idle_.begin(), used_, place);
    }

    std::size_t size() const { return by_ref_.size(); }

private:
    struct Known {
        std::uint32_t ref;
        std::byte* page;
        std::uint32_t users;
    };
    using Place = std::list<Known>::iterator;

    bool make_room() {
        if (idle_.empty()) return false;
        guest_.unmap(idle_.back().page);
        by_ref_.erase(idle_.back().ref);
        idle_.pop_back();
        return true;
    }

    GuestPages& guest_;
    std::size_t most_;
    std::list<Known> idle_, used_;  // those used last first
    std::unordered_map<std::uint32_t, Place> by_ref_;
};
}  // namespace paravane::block

// SPDX-License-Identifier: MIT
// What an operation of DomainManager holds while it runs; both give back what they hold when they go.
#pragma once
#include "daemon/domain_manager.hpp"

namespace paravane {
class DomainManager::Claim {
public:
    Claim(DomainManager& manager, std::uint16_t id) : manager_{&manager}, id_{id} {}
    Claim(Claim&& other) noexcept : manager_{std::exchange(other.manager_, nullptr)}, id_{other.id_} {}
    ~Claim() {
        if (manager_ == nullptr) return;
        std::scoped_lock lock{manager_->mutex_};
        auto domain = manager_->domains_.find(id_);
        if (domain != manager_->domains_.end()) domain->second.busy = false;
        manager_->changed_.notify_all();
    }

private:
    DomainManager* manager_;
    std::uint16_t id_;
};

struct DomainManager::Held {
    Target target;
    Claim claim;
};

class DomainManager::NameReservation {
public:
    NameReservation(DomainManager& manager, std::string name) : manager_{&manager}, name_{std::move(name)} {}
    NameReservation(NameReservation&& other) noexcept
        : manager_{std::exchange(other.manager_, nullptr)}, name_{std::move(other.name_)} {}
    ~NameReservation() {
        if (manager_ == nullptr) return;
        std::scoped_lock lock{manager_->mutex_};
        manager_->reserved_.erase(name_);
        manager_->changed_.notify_all();
    }

private:
    DomainManager* manager_;
    std::string name_;
};
}  // namespace paravane

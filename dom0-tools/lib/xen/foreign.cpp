// SPDX-License-Identifier: MIT
#include "xen/foreign.hpp"

#include <sys/mman.h>

extern "C" {
#include <xenforeignmemory.h>
}

namespace paravane {
namespace {
// public/memory.h, XENMEM_acquire_resource
constexpr unsigned resource_grant_table = 1;
constexpr unsigned grant_table_shared = 0;
}  // namespace

ForeignMapping::ForeignMapping(ForeignMapping&& other) noexcept
    : handle_{other.handle_},
      resource_{std::exchange(other.resource_, nullptr)},
      data_{std::exchange(other.data_, nullptr)},
      pages_{std::exchange(other.pages_, 0)} {}

ForeignMapping::~ForeignMapping() {
    if (resource_ != nullptr) {
        xenforeignmemory_unmap_resource(handle_, resource_);
    } else if (data_ != nullptr) {
        xenforeignmemory_unmap(handle_, data_, pages_);
    }
}

void XenForeign::Closer::operator()(xenforeignmemory_handle* handle) const { xenforeignmemory_close(handle); }

Result<XenForeign> XenForeign::open() {
    xenforeignmemory_handle* handle = xenforeignmemory_open(nullptr, 0);
    if (handle == nullptr) return Error::from_errno("open /dev/xen/privcmd");
    return XenForeign{handle};
}

Result<ForeignMapping> XenForeign::map(std::string_view what, std::uint16_t domid,
                                       std::span<std::uint64_t const> frames) {
    static_assert(sizeof(xen_pfn_t) == sizeof(std::uint64_t));
    void* address = xenforeignmemory_map(handle_.get(), domid, PROT_READ | PROT_WRITE, frames.size(),
                                         reinterpret_cast<xen_pfn_t const*>(frames.data()), nullptr);
    if (address == nullptr)
        return Error::from_errno("map " + std::string{what} + " of domain " + std::to_string(domid));
    return ForeignMapping{handle_.get(), nullptr, address, frames.size()};
}

Result<ForeignMapping> XenForeign::map_grant_table(std::uint16_t domid) {
    void* address = nullptr;
    xenforeignmemory_resource_handle* resource = xenforeignmemory_map_resource(
        handle_.get(), domid, resource_grant_table, grant_table_shared, 0, 1, &address, PROT_READ | PROT_WRITE, 0);
    if (resource == nullptr) return Error::from_errno("map the grant table of domain " + std::to_string(domid));
    return ForeignMapping{handle_.get(), resource, address, 1};
}
}  // namespace paravane

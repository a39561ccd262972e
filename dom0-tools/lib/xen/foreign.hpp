// SPDX-License-Identifier: MIT
// Pages of other domains in our address space, through /dev/xen/privcmd (libxenforeignmemory).
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct xenforeignmemory_handle;
struct xenforeignmemory_resource_handle;

namespace paravane {
// Unmapped by the destructor. Must not outlive the XenForeign it came from.
class ForeignMapping {
public:
    ForeignMapping(ForeignMapping&& other) noexcept;
    ForeignMapping& operator=(ForeignMapping&&) = delete;
    ~ForeignMapping();

    std::span<std::byte> bytes() const { return {data_, pages_ * 4096}; }
    template <class T>
    T* as() const {
        return reinterpret_cast<T*>(data_);
    }

private:
    friend class XenForeign;
    ForeignMapping(xenforeignmemory_handle* handle, xenforeignmemory_resource_handle* resource, void* address,
                   std::size_t pages)
        : handle_{handle}, resource_{resource}, data_{static_cast<std::byte*>(address)}, pages_{pages} {}

    xenforeignmemory_handle* handle_;
    xenforeignmemory_resource_handle* resource_;  // set when it came from map_resource
    std::byte* data_;
    std::size_t pages_;
};

class XenForeign {
public:
    static Result<XenForeign> open();

    // The frames, in this order, readable and writable. The step names the pages for error messages: "kernel pages".
    Result<ForeignMapping> map(std::string_view what, std::uint16_t domid, std::span<std::uint64_t const> frames);
    // Frame 0 of the domain's grant table.
    Result<ForeignMapping> map_grant_table(std::uint16_t domid);

private:
    struct Closer {
        void operator()(xenforeignmemory_handle* handle) const;
    };
    explicit XenForeign(xenforeignmemory_handle* handle) : handle_{handle} {}

    std::unique_ptr<xenforeignmemory_handle, Closer> handle_;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
// Pages that other domains granted to us, through /dev/xen/gntdev (libxengnttab).
#pragma once
#include "os/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct xengntdev_handle;

namespace paravane {
enum class GrantAccess : std::uint8_t { read_only, read_write };

// Mapped grants, unmapped by the destructor. Must not outlive the XenGnttab it came from.
class GrantMapping {
public:
    GrantMapping() = default;
    GrantMapping(GrantMapping&& other) noexcept { swap(other); }
    GrantMapping& operator=(GrantMapping&& other) noexcept {
        GrantMapping taken{std::move(other)};
        swap(taken);
        return *this;
    }
    ~GrantMapping();

    std::byte* data() const { return data_; }
    std::size_t size() const { return std::size_t{count_} * 4096; }
    explicit operator bool() const { return data_ != nullptr; }

private:
    friend class XenGnttab;
    GrantMapping(xengntdev_handle* handle, void* address, std::uint32_t count)
        : handle_{handle}, data_{static_cast<std::byte*>(address)}, count_{count} {}
    void swap(GrantMapping& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
    }

    xengntdev_handle* handle_ = nullptr;
    std::byte* data_ = nullptr;
    std::uint32_t count_ = 0;
};

class XenGnttab {
public:
    static Result<XenGnttab> open();

    Result<GrantMapping> map(std::uint16_t domid, std::uint32_t ref, GrantAccess access);
    // All from one domain, contiguous in our address space.
    Result<GrantMapping> map(std::uint16_t domid, std::span<std::uint32_t const> refs, GrantAccess access);

private:
    struct Closer {
        void operator()(xengntdev_handle* handle) const;
    };
    explicit XenGnttab(xengntdev_handle* handle) : handle_{handle} {}

    std::unique_ptr<xengntdev_handle, Closer> handle_;
};
}  // namespace paravane

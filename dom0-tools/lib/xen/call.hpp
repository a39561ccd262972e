// SPDX-License-Identifier: MIT
// Hypercalls from dom0 user space through /dev/xen/privcmd (libxencall), and the memory they may point into.
#pragma once
#include "os/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

struct xencall_handle;

namespace paravane {
// Zeroed, pinned memory that the hypervisor can reach. Must not outlive the XenCall it came from.
class HypercallBuffer {
public:
    HypercallBuffer() = default;
    HypercallBuffer(HypercallBuffer&& other) noexcept { swap(other); }
    HypercallBuffer& operator=(HypercallBuffer&& other) noexcept {
        HypercallBuffer taken{std::move(other)};
        swap(taken);
        return *this;
    }
    ~HypercallBuffer();

    std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }
    // As a hypercall argument or guest handle.
    std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(data_); }
    template <class T>
    T& as() const {
        static_assert(std::is_trivially_copyable_v<T>);
        return *reinterpret_cast<T*>(data_);
    }

private:
    friend class XenCall;
    HypercallBuffer(xencall_handle* handle, void* address, std::size_t size)
        : handle_{handle}, data_{static_cast<std::byte*>(address)}, size_{size} {}
    void swap(HypercallBuffer& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }

    xencall_handle* handle_ = nullptr;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

class XenCall {
public:
    using Arguments = std::array<std::uint64_t, 5>;

    static Result<XenCall> open();

    Result<HypercallBuffer> allocate(std::size_t size);

    // The hypercall's own result, which privcmd delivers as an int; a negative one becomes the error of `step`.
    Result<int> call(std::string_view step, unsigned number, Arguments const& arguments);

private:
    struct Closer {
        void operator()(xencall_handle* handle) const;
    };
    explicit XenCall(xencall_handle* handle) : handle_{handle} {}

    std::unique_ptr<xencall_handle, Closer> handle_;
};
}  // namespace paravane

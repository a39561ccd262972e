// SPDX-License-Identifier: MIT
// The pages that rings are in, and the port of dom0's.
#pragma once
#include <cstdint>
#include <variant>

#include "ring.hpp"
#include "xen/gnttab.hpp"

namespace paravane::xenstored {
// Dom0's ring page, from /proc/xen/xsd_kva.
class KernelPage {
public:
    static Result<KernelPage> map();
    KernelPage(KernelPage&& other) noexcept : data_{std::exchange(other.data_, nullptr)} {}
    KernelPage& operator=(KernelPage&& other) noexcept {
        KernelPage taken{std::move(other)};
        std::swap(data_, taken.data_);
        return *this;
    }
    ~KernelPage();

    std::byte* data() const { return static_cast<std::byte*>(data_); }

private:
    explicit KernelPage(void* data) : data_{data} {}
    void* data_;
};

// The port that dom0's kernel wants its ring to be bound to, from /proc/xen/xsd_port.
Result<std::uint32_t> kernel_store_port();

// Whoever gave the page: a guest by a grant, dom0's kernel by xenfs.
using MappedPage = std::variant<GrantMapping, KernelPage>;
RingPage& ring_page(MappedPage& page);
}  // namespace paravane::xenstored

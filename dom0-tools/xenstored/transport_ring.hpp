// SPDX-License-Identifier: MIT
// Domains: a ring in a page that the domain granted (dom0's own one through xenfs), and an event channel.
#pragma once

#include <optional>
#include <variant>

#include "lib/xen_gnttab.hpp"
#include "ring.hpp"
#include "server.hpp"
#include "transport_socket.hpp"  // Progress

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

class RingClient {
public:
    using Page = std::variant<GrantMapping, KernelPage>;
    RingClient(SessionId session, Page page, std::uint32_t port);

    SessionId session() const { return session_; }
    std::uint32_t port() const { return port_; }
    void restart(std::uint32_t port);
    Ring& ring() { return ring_; }

    // Reads, answers and writes a bounded amount. `notify` says whether the domain must hear of it.
    Progress turn(Server& server, Session& session, Time now, bool& notify);

private:
    static RingPage& page_of(Page& page);

    SessionId session_;
    Page page_;
    Ring ring_;
    std::uint32_t port_;
    bool broken_ = false;
};

}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// The hypercalls with which dom0 controls domains: domctl and sysctl (interface 0x15), and the memory, paging and
// event-channel operations that building a domain takes. docs/control-api.md lists them with their arguments.
// Errors keep ENOMEM and ESRCH; everything else that the hypervisor refuses is EIO with its reason in the text.
#pragma once
#include "os/error.hpp"
#include "xen/call.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace paravane {
using DomainHandle = std::array<std::uint8_t, 16>;

enum class ShutdownReason : std::uint8_t {
    poweroff = 0,
    reboot = 1,
    suspend = 2,
    crash = 3,
    watchdog = 4,
    soft_reset = 5
};

struct DomainInfo {
    std::uint16_t id = 0;
    bool dying = false, shutdown = false, paused = false, blocked = false, running = false;
    ShutdownReason reason = ShutdownReason::poweroff;  // where shutdown
    std::uint64_t pages = 0;
    std::uint64_t shared_info_frame = 0;
    std::uint64_t cpu_time_ns = 0;
    std::uint32_t online_vcpus = 0;
    DomainHandle handle{};
};

struct VcpuStart {
    std::uint64_t entry;
    std::uint64_t stack;
    std::uint64_t start_info;  // address
    std::uint64_t l4_frame;    // machine frame
};

struct HostFacts {
    std::string version, capabilities, changeset;
    std::uint32_t cpus, cpu_khz;
    std::uint64_t total_pages, free_pages;
};

class Domctl {
public:
    static Result<Domctl> open();

    Result<std::uint16_t> create_domain(DomainHandle const& handle, std::uint32_t vcpus);
    Result<> set_max_vcpus(std::uint16_t domid, std::uint32_t vcpus);
    Result<> set_max_memory(std::uint16_t domid, std::uint64_t kib);
    Result<> pause(std::uint16_t domid);
    Result<> unpause(std::uint16_t domid);
    // Repeats until the hypervisor is through with freeing what it can.
    Result<> destroy(std::uint16_t domid);
    Result<> set_vcpu_context(std::uint16_t domid, VcpuStart const& start);
    Result<> write_hypercall_page(std::uint16_t domid, std::uint64_t frame);

    Result<DomainInfo> domain_info(std::uint16_t domid);  // ESRCH: there is none
    Result<std::vector<DomainInfo>> list_domains();
    Result<HostFacts> host_facts();
    Result<std::string> read_console(bool clear);

    // Memory for the pages `pfns` stand for, each 2^order frames: their machine frames, as many as there were.
    Result<std::vector<std::uint64_t>> populate(std::uint16_t domid, std::span<std::uint64_t const> pfns,
                                                unsigned order);
    Result<> pin_l4(std::uint16_t domid, std::uint64_t frame);
    // A port of `domid` that dom0 may bind to.
    Result<std::uint32_t> allocate_port(std::uint16_t domid);
    // Where the grant table's first frame is, for hypervisors or kernels that cannot map it as a resource.
    Result<std::uint64_t> grant_table_frame(std::uint16_t domid);

private:
    explicit Domctl(XenCall call) : call_{std::move(call)} {}

    template <class Fill>
    Result<HypercallBuffer> domctl(std::string step, std::uint32_t command, std::uint16_t domid, Fill fill);
    template <class Fill>
    Result<HypercallBuffer> sysctl(std::string step, std::uint32_t command, Fill fill);
    Result<> domctl(std::string step, std::uint32_t command, std::uint16_t domid);
    Result<int> call(std::string step, unsigned number, XenCall::Arguments const& arguments);
    Result<std::string> version_text(unsigned command, std::size_t size);

    XenCall call_;
};
}  // namespace paravane

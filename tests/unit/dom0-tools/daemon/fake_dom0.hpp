// SPDX-License-Identifier: MIT
// What dom0's control service stands on, in memory: a hypervisor that obeys domctl and sysctl, hands out frames and
// maps them, and a store. It takes the place of xen/call.cpp, xen/foreign.cpp and xenstore/client.cpp of
// dom0-tools/lib.
#pragma once
#include "public/domctl.hpp"
#include "xen/call.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace test {
class FakeDom0 {
public:
    struct Domain {
        std::array<std::uint8_t, 16> handle{};
        std::uint32_t flags = abi::dominf::paused;
        std::uint32_t pauses = 1;
        std::uint32_t vcpus = 0;
        std::uint64_t max_pages = 0;
        std::uint32_t next_port = 1;
        std::uint64_t shared_info_frame = 0;
        std::vector<std::uint64_t> frames;
    };
    // The next step that fails: counts down, 0 for none.
    struct Refusal {
        int after = 0;
        int code = 0;
        bool is_due() { return after != 0 && --after == 0; }
    };

    static constexpr std::uint64_t total_frames = 16384;

    static FakeDom0& the();
    void reset();

    int hypercall(unsigned number, paravane::XenCall::Arguments const& arguments);  // -errno for errors
    void* map(std::uint16_t domid, std::span<std::uint64_t const> frames);          // null: not its frames
    std::uint64_t grant_frame(std::uint16_t domid);
    std::uint64_t free_frames() const { return free_.size(); }
    // The guest ends by itself.
    void shut_down(std::uint16_t domid, std::uint32_t reason);
    // So many hold memory of domains: those that are destroyed stay as dead as long as that is not 0.
    void set_holders(int count) {
        std::scoped_lock lock{mutex};
        holders = count;
    }

    std::mutex mutex;  // held by whoever looks at the members below while the service runs
    std::map<std::uint16_t, Domain> domains;
    std::map<std::string, std::string, std::less<>> nodes;
    Refusal refuse_hypercall, refuse_request;
    std::atomic<bool> store_is_away = false;
    int holders = 0;
    int mappings = 0;
    std::string log = "(pv) a line of the log\n";

private:
    FakeDom0();
    int domctl(abi::Domctl& op);
    int sysctl(std::uint64_t address);
    int populate(std::uint64_t address);
    int take_frame(Domain& domain, std::uint64_t& frame);
    void describe(std::uint16_t domid, Domain const& domain, abi::DomctlGetdomaininfo& info) const;

    int memory_;  // the frames, as a file
    std::vector<std::uint64_t> free_;
    std::uint16_t last_id_ = 0;
};
}  // namespace test

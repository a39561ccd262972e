// SPDX-License-Identifier: MIT
// A domain: created, running, (shut down), dying, gone. Reference counted; a dying domain stays as a zombie until the
// last frame it owns has no references, so that ids and owners never dangle.
#pragma once
#include <array>
#include <atomic>
#include "base/bitmap.hpp"
#include "base/lock.hpp"
#include "base/result.hpp"
#include "core/mm/page_info.hpp"
#include "core/vcpu.hpp"
#include "public/memory.hpp"
#include "public/shared_info.hpp"

namespace hv {
class EventChannels;
class GrantTable;

enum class DomainState : u8 { building, alive, dying, dead };

struct DomainConfig {
    Domid id{};
    bool privileged = false;
    std::array<u8, 16> handle{};  // uuid, opaque
    u32 max_vcpus = 1;
    u32 max_event_channels = ~0u;  // highest port number allowed
    u32 max_grant_frames = 64;
    u32 max_maptrack_frames = 1024;
};

struct Domain {
    Domid id{};
    bool privileged = false;
    std::atomic<u32> references{0};  // see DomainRef
    std::atomic<DomainState> state{DomainState::building};

    // --- vCPUs
    u32 max_vcpus = 0;
    std::array<Vcpu*, max_vcpus_per_domain> vcpus{};
    std::atomic<u32> pause_count{0};  // all vCPUs; one is held by the toolstack for a new domain
    std::atomic<bool> paused_by_controller{false};

    // --- memory
    Spinlock<LockRank::page_list> pages_lock;  // guards the page list
    u32 pages_head = no_frame;
    u32 orphans_head = no_frame;  // a dying domain's frames that are still mapped somewhere
    std::atomic<u64> pages{0};    // frames in the page list, or about to be
    u64 max_pages = 0;
    std::atomic<u64> claimed_pages{0};  // free frames set aside for it, changed under the allocator's lock
    std::atomic<u64> live_frames{0};    // those and hypervisor frames shared with it; the domain lives while any do
    abi::SharedInfo* shared_info = nullptr;
    Mfn shared_info_mfn{};
    bool may_map_io = false;               // dom0: any machine address that is not the hypervisor's
    CpuMask dirty_cpus;                    // CPUs whose TLB may hold entries of this domain
    abi::E820Entry* memory_map = nullptr;  // one heap frame, set by the toolstack; null: none. Under pages_lock
    u32 memory_map_entries = 0;
    u64 vm_assist = 0;  // bit per VMASST_TYPE_*

    // --- communication
    u32 max_event_channels = ~0u;
    EventChannels* events = nullptr;
    GrantTable* grants = nullptr;

    // --- life
    Spinlock<LockRank::shutdown> shutdown_lock;  // one shuts down or resumes all of its vCPUs at a time
    std::atomic<bool> shut_down{false};
    std::atomic<u32> shutdown_code{0};
    std::atomic<bool> being_destroyed{false};
    u32 destroy_phase = 0;         // where an interrupted destroy goes on
    Domain* next_spare = nullptr;  // while not in use at all
    std::array<u8, 16> handle{};
    i64 wall_clock_offset = 0;  // seconds
    Time created = 0;
    u32 scheduler_weight = 256;
    u32 scheduler_cap = 0;           // percent of a CPU; 0: none
    std::atomic<i64> cap_budget{0};  // run time left in this period, or owed; core/sched/cap.cpp
    std::atomic<bool> cap_is_timed{false};
    Timer cap_timer{};  // the next period
    struct Watchdog {
        Timer timer{};
        std::atomic<bool> in_use{false};
    };
    std::array<Watchdog, 2> watchdogs{};  // SCHEDOP_watchdog

    Vcpu* vcpu(VcpuId vcpu_id) const {
        u32 number = vcpu_id.value;
        return check_index(number, max_vcpus) ? vcpus.data()[number] : nullptr;
    }
    bool is_dying() const { return state.load(std::memory_order_acquire) >= DomainState::dying; }
};

void free_domain(Domain& domain);  // once nothing refers to it any more

// Shared ownership of a domain.
class DomainRef {
public:
    explicit DomainRef(Domain& domain) : domain_{&domain} { domain.references.fetch_add(1, std::memory_order_relaxed); }
    DomainRef(DomainRef&& other) noexcept : domain_{std::exchange(other.domain_, nullptr)} {}
    DomainRef& operator=(DomainRef&&) = delete;
    ~DomainRef() {
        if (domain_) release(*domain_);
    }
    Domain& operator*() const { return *domain_; }
    Domain* operator->() const { return domain_; }
    Domain& leak() && { return *std::exchange(domain_, nullptr); }
    static DomainRef adopt(Domain& domain) { return DomainRef{&domain}; }
    static void release(Domain& domain) {
        if (domain.references.fetch_sub(1, std::memory_order_acq_rel) == 1) [[unlikely]]
            free_domain(domain);
    }

private:
    explicit DomainRef(Domain* domain) : domain_{domain} {}
    Domain* domain_;
};

// --- the table of domains (core/domain_table.cpp)
Domain* hold_domain(Domid id);                               // with a reference that the caller gives back; or null
Result<DomainRef> find_domain(Domid id);                     // srch; dying domains are found until they are gone
Result<DomainRef> find_domain_from(Domid first);             // the first with an id not below `first`
Result<DomainRef> resolve_domain(Domain& caller, Domid id);  // domid_self too; perm unless privileged or itself
Result<Domid> next_free_domid();                             // ids are not reused at once: upwards, cyclic

// --- life (core/domain.cpp)
Result<DomainRef> create_domain(DomainConfig const& config);  // paused once by the controller, no memory, vCPUs down
Result<> create_vcpus(Domain& domain, u32 count);             // all vCPUs, uninitialised; once
void shut_down_domain(Domain& domain, u32 reason);            // from SCHEDOP_shutdown: stops all vCPUs, tells dom0
void crash_domain(Domain& domain, char const* why);           // the guest did what no error code can answer
bool destroy_domain(Domain& domain);                          // true when done, false if preempted: call again
void resume_domain(Domain& domain);                           // after a cancelled suspend

Domain& dom0();  // valid once created
bool dom0_exists();
Domain& owner_of_live_frame(Domid owner);  // the domain lives as long as a frame of it has references
}  // namespace hv

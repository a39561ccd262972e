// SPDX-License-Identifier: MIT
// A domain: created, running, (shut down), dying, gone. Reference counted; a dying domain stays as a zombie until the
// last frame it owns has no references, so that ids and owners never dangle. Its parts are their subjects'.
#pragma once
#include <array>
#include <atomic>
#include "base/lock.hpp"
#include "core/vcpu.hpp"
#include "portable/base/result.hpp"

namespace hv {
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

struct Domain : mm::DomainPart, event::DomainPart, sched::DomainPart, guest_time::DomainPart, pv::DomainPart {
    Domid id{};
    bool privileged = false;
    std::atomic<u32> references{0};  // see DomainRef
    std::atomic<DomainState> state{DomainState::building};
    u32 max_vcpus = 0;
    std::array<Vcpu*, max_vcpus_per_domain> vcpus{};

    GrantTable* grants = nullptr;

    // --- as tools know it
    std::atomic<bool> paused_by_controller{false};
    std::array<u8, 16> handle{};

    // --- its life
    Time created = 0;
    Spinlock<LockRank::shutdown> shutdown_lock;  // one shuts down or resumes all of its vCPUs at a time
    std::atomic<bool> shut_down{false};
    std::atomic<u32> shutdown_code{0};
    std::atomic<bool> being_destroyed{false};
    u32 destroy_phase = 0;         // where an interrupted destroy goes on
    Domain* next_spare = nullptr;  // while not in use at all

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
Result<> enter_domain(Domain& domain);                       // exist if the id is taken
void leave_domain(Domain& domain);
Result<Domid> next_free_domid();  // ids are not reused at once: upwards, cyclic

// --- life (core/domain.cpp)
Result<DomainRef> create_domain(DomainConfig const& config);  // paused once by the controller, no memory, vCPUs down
Result<> create_vcpus(Domain& domain, u32 count);             // all vCPUs, uninitialised; once
void shut_down_domain(Domain& domain, u32 reason);            // from SCHEDOP_shutdown: stops all vCPUs, tells dom0
void crash_domain(Domain& domain, char const* why);           // the guest did what no error code can answer
bool destroy_domain(Domain& domain);                          // true when done, false if preempted: call again
void resume_domain(Domain& domain);                           // after a cancelled suspend

// --- pausing (core/domain_pause.cpp): returns when no vCPU of it runs (synchronous), counted
void pause_domain(Domain& domain);
void unpause_domain(Domain& domain);
void pause_vcpu(Vcpu& vcpu);
void unpause_vcpu(Vcpu& vcpu);

Domain& dom0();  // valid once created
bool dom0_exists();
Domain& owner_of_live_frame(Domid owner);  // the domain lives as long as a frame of it has references
}  // namespace hv

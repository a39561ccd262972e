// SPDX-License-Identifier: MIT
// The life of a domain. An end goes in phases, each of which can be interrupted: see destroy_domain.
#include "core/domain.hpp"
#include "base/log.hpp"
#include "core/event/channels.hpp"
#include "core/event/virq.hpp"
#include "core/grant/mapping.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/memory.hpp"
#include "core/hal/power.hpp"
#include "core/hal/time.hpp"
#include "core/hal/vcpu.hpp"
#include "core/mm/descriptor.hpp"
#include "core/mm/heap.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/root.hpp"
#include "core/mm/typed_ref.hpp"
#include "core/pv/cpuid.hpp"
#include "core/sched/scheduler.hpp"
#include "core/sched/watchdog.hpp"
#include "core/time/guest_time.hpp"
#include "public/event_channel.hpp"
#include "public/sched.hpp"

namespace hv {
namespace {
// Domain objects are never freed as memory (see domain_table.cpp); those given up wait here.
constinit Spinlock<LockRank::spare_domains> spare_lock;
constinit Domain* spare = nullptr;  // under the lock

Domain* allocate_domain() {
    {
        SpinGuard guard{spare_lock};
        if (Domain* domain = spare) {
            spare = domain->next_spare;
            return std::construct_at(domain);
        }
    }
    return make<Domain>();
}

void give_up(Domain* domain) {
    SpinGuard guard{spare_lock};
    domain->next_spare = std::exchange(spare, domain);
}

void free_vcpu(Vcpu* vcpu) {
    if (!vcpu) return;
    free_heap(vcpu->xstate, order_of_bytes(hal::xstate_size()));
    destroy(vcpu);
}

Result<> build(Domain& domain, DomainConfig const& config) {
    PageInfo* shared = alloc_shared_frame(domain);
    if (!shared) return Errno::nomem;
    domain.shared_info_mfn = mfn_of(*shared);
    domain.shared_info = reinterpret_cast<abi::SharedInfo*>(hal::map(domain.shared_info_mfn));
    domain.events = make<EventChannels>(domain);
    domain.grants = make<GrantTable>(domain, config.max_grant_frames, config.max_maptrack_frames);
    return domain.events && domain.grants ? Errno::ok : Errno::nomem;
}
}  // namespace

// The rest of a domain, after destroy_domain.
void free_domain(Domain& domain) {
    Domid id = domain.id;
    destroy(domain.grants);
    destroy(domain.events);
    for (Vcpu*& vcpu : domain.vcpus) free_vcpu(std::exchange(vcpu, nullptr));
    destroy(domain.memory_map);
    leave_domain(domain);
    give_up(&domain);
    send_global_virq(abi::virq::dom_exc);  // the tools learn that the id is free
    log::debug("d{}: gone", id);
}

Result<DomainRef> create_domain(DomainConfig const& config) {
    if (config.max_vcpus == 0 || config.max_vcpus > max_vcpus_per_domain) return Errno::inval;
    Domain* domain = allocate_domain();
    if (!domain) return Errno::nomem;
    domain->id = config.id;
    domain->privileged = config.privileged;
    domain->may_map_io = config.privileged;
    domain->handle = config.handle;
    domain->max_vcpus = config.max_vcpus;
    domain->max_event_channels = config.max_event_channels;
    domain->created = hal::now();
    sched::prepare_watchdogs(*domain);
    domain->pause_count = 1;
    domain->paused_by_controller = true;
    Result<> entered = enter_domain(*domain);
    if (!entered) {
        give_up(domain);
        return entered.error();
    }
    domain->live_frames = 1;  // the domain itself counts as one until it is destroyed
    Result<> const built = build(*domain, config);
    domain->state = built ? DomainState::alive : DomainState::dying;
    // From here on others find it, guests that guess its id among them, and ask for its ports and grants.
    domain->references = 2;  // one for the life of the domain, given back at the end of destroy; one for the caller
    DomainRef reference = DomainRef::adopt(*domain);
    if (built) return reference;
    while (!destroy_domain(*domain)) {}
    return built.error();
}

static_assert(pv::apic_id_of(VcpuId{max_vcpus_per_domain - 1}) < pv::apic_id_limit);

Result<> create_vcpus(Domain& domain, u32 count) {
    if (count == 0 || count > domain.max_vcpus) return Errno::inval;
    for (u32 i = 0; i < count; ++i) {
        if (domain.vcpus[i]) continue;
        Vcpu* vcpu = make<Vcpu>();
        std::byte* xstate = alloc_heap(order_of_bytes(hal::xstate_size()));
        if (!vcpu || !xstate) {
            destroy(vcpu);
            free_heap(xstate, order_of_bytes(hal::xstate_size()));
            return Errno::nomem;
        }
        vcpu->domain = &domain;
        vcpu->id = VcpuId{i};
        vcpu->xstate = xstate;
        hal::xstate_init(xstate);
        if (i < legacy_vcpus) vcpu->info = &domain.shared_info->vcpu_info[i];
        sched::add(*vcpu);
        guest_time::prepare_timers(*vcpu);
        __atomic_store_n(&domain.vcpus[i], vcpu, __ATOMIC_RELEASE);  // others may ask for it from here on
    }
    return {};
}

void shut_down_domain(Domain& domain, u32 reason) {
    {
        SpinGuard guard{domain.shutdown_lock};
        if (domain.shut_down) return;
        domain.shutdown_code = reason;  // first: whoever sees that it has shut down sees why
        domain.shut_down = true;
        for (Vcpu* vcpu : domain.vcpus)
            if (vcpu) sched::set_reason(*vcpu, PauseReason::shut_down);
    }
    if (domain.privileged) {
        log::info("dom0 has shut down, reason {}", reason);
        if (reason == static_cast<u32>(abi::ShutdownReason::poweroff)) hal::machine_power_off();
        hal::reboot_allowed() ? hal::machine_reboot() : hal::machine_halt();
    }
    send_global_virq(abi::virq::dom_exc);
}

void crash_domain(Domain& domain, char const* why) {
    if (domain.shut_down) return;
    log::error("d{}: crashed: {}", domain.id, why);
    shut_down_domain(domain, static_cast<u32>(abi::ShutdownReason::crash));
}

void resume_domain(Domain& domain) {
    SpinGuard guard{domain.shutdown_lock};
    if (!domain.shut_down.exchange(false)) return;
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu) sched::clear_reason(*vcpu, PauseReason::shut_down);
}

namespace {
// Phases of the end. Each returns false when preempted; the next call goes on in the same phase.
bool end_connections(Domain& domain) {
    if (domain.events && !domain.events->end()) return false;
    leave_virqs_to_dom0(domain);
    return true;
}

bool end_grant_mappings(Domain& domain) { return !domain.grants || release_grant_mappings(domain); }

void release_vcpu_state(Vcpu& vcpu) {
    hal::sync_vcpu(vcpu);
    vcpu.singleshot_timer.disarm();
    vcpu.periodic_timer.disarm();
    vcpu.poll_timer.disarm();
    release_roots(vcpu);
    release_gdt(vcpu);
    release_ldt(vcpu);
    if (vcpu.info_page) {
        vcpu.info = nullptr;
        TypedRef::release(*std::exchange(vcpu.info_page, nullptr));
    }
    vcpu.initialised = false;
}

bool end_vcpus(Domain& domain) {
    for (Vcpu* vcpu : domain.vcpus) {
        if (!vcpu) continue;
        release_vcpu_state(*vcpu);
        if (!drain_demotions(vcpu->demotions)) return false;
        (void)hal::should_preempt();  // another try would begin with the first one
    }
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu) sched::remove(*vcpu);
    domain.cap_timer.end();
    for (sched::Watchdog& watchdog : domain.watchdogs) watchdog.timer.end();
    return true;
}

// Under the lock: who was about to add a page when the domain began to die has done so, and nobody will again.
u32 first_page(Domain& domain) {
    SpinGuard guard{domain.pages_lock};
    return domain.pages_head;
}

// Each frame loses its pin, its entries and its allocation. Most are freed by that; those that tables further on refer
// to follow when these are demoted; those that other domains have mapped stay as orphans until they are not.
bool end_memory(Domain& domain) {
    DemotionQueue& queue = hal::current().demotions;
    for (;;) {
        if (!drain_demotions(queue)) return false;
        u32 const index = first_page(domain);
        if (index == no_frame) return true;
        auto hold = get_page<RefLimit::lifted>(Mfn{index}, domain.id);
        if (!hold) {
            if (hal::should_preempt()) return false;
            spin_wait();  // its last reference has just gone, or it is being exchanged: another CPU goes on with that
            continue;
        }
        if (!demote_residue(**hold)) return false;
        move_to_orphans(domain, **hold);
        (void)drop_allocation(**hold, domain.id);
        if (hal::should_preempt()) return false;
    }
}

bool end_tables(Domain& domain) {
    if (domain.grants) domain.grants->retire();
    if (domain.shared_info) release_shared_frame(page_of(domain.shared_info_mfn));
    domain.shared_info = nullptr;
    if (domain.live_frames.fetch_sub(1, std::memory_order_acq_rel) == 1) DomainRef::release(domain);
    return true;
}

// True when all phases are over. The caller's reference keeps the object.
bool go_on_destroying(Domain& domain) {
    constexpr std::array phases{end_connections, end_grant_mappings, end_vcpus, end_memory, end_tables};
    if (domain.state.load() == DomainState::dead) return true;
    if (domain.state.exchange(DomainState::dying) != DomainState::dying) pause_domain(domain);
    drop_claim(domain);
    for (; domain.destroy_phase < phases.size(); ++domain.destroy_phase)
        if (!phases[domain.destroy_phase](domain)) return false;
    domain.state = DomainState::dead;
    send_global_virq(abi::virq::dom_exc);  // whoever holds pages of it learns that they are the last ones
    return true;
}
}  // namespace

bool destroy_domain(Domain& domain) {
    if (domain.being_destroyed.exchange(true, std::memory_order_acquire)) return false;  // another CPU is at it
    bool done = go_on_destroying(domain);
    domain.being_destroyed.store(false, std::memory_order_release);
    return done;
}
}  // namespace hv

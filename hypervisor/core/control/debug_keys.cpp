// SPDX-License-Identifier: MIT
#include "core/control/debug_keys.hpp"
#include <array>
#include "base/log.hpp"
#include "core/audit.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/sched/scheduler.hpp"

namespace hv::control {
namespace {
char const* state_of(Vcpu const& vcpu) {
    u32 const reasons = vcpu.pause_reasons.load(std::memory_order_relaxed);
    if (vcpu.running.load(std::memory_order_relaxed)) return "running";
    if (reasons & PauseReason::down) return "down";
    if (reasons & PauseReason::shut_down) return "shut down";
    if (vcpu.pause_count.load(std::memory_order_relaxed) || vcpu.domain->pause_count.load(std::memory_order_relaxed))
        return "paused";
    if (reasons & (PauseReason::blocked | PauseReason::polling)) return "asleep";
    return reasons & PauseReason::capped ? "capped" : "waiting";
}

void list_vcpu(Vcpu& vcpu) {
    log::info("  d{}v{}: {}, cpu {}, ran {} ms", vcpu.domain->id, vcpu.id, state_of(vcpu),
              vcpu.cpu.load(std::memory_order_relaxed),
              sched::runstate_of(vcpu).time[abi::runstate::running] / 1'000'000);
}

void list_domains() {
    log::info("{} of {} frames are free", free_frame_count(), total_frame_count());
    for (u32 next = 0; next < abi::first_reserved_domid;) {
        Result<DomainRef> const found = find_domain_from(Domid{static_cast<u16>(next)});
        if (!found) return;
        Domain& domain = **found;
        next = domain.id.value + 1u;
        log::info("d{}: {} frames, at most {}, weight {}, cap {}{}{}", domain.id, domain.pages.load(), domain.max_pages,
                  domain.scheduler_weight, domain.scheduler_cap, domain.shut_down ? ", shut down" : "",
                  domain.is_dying() ? ", dying" : "");
        for (Vcpu* vcpu : domain.vcpus)
            if (vcpu) list_vcpu(*vcpu);
    }
}

void list_keys();

struct DebugKey {
    char key;
    char const* meaning;
    void (*answer)();
};
constexpr std::array keys{
    DebugKey{'A', "audit the frame table: all is counted anew and compared", audit_all},
    DebugKey{'h', "list these keys", list_keys},
    DebugKey{'q', "list domains and their vCPUs", list_domains},
};

void list_keys() {
    for (DebugKey const& known : keys) log::info("debug key {}: {}", std::string_view{&known.key, 1}, known.meaning);
}
}  // namespace

void press_debug_key(char key) {
    for (DebugKey const& known : keys)
        if (known.key == key) known.answer();
}
}  // namespace hv::control

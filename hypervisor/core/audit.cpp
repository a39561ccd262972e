// SPDX-License-Identifier: MIT
#include "core/audit.hpp"
#include "base/log.hpp"
#include "core/event/channels.hpp"
#include "core/grant/table.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/heap.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/sched/scheduler.hpp"
#include "portable/base/pte.hpp"

namespace hv {
namespace {
constexpr u64 most_lines = 20;

struct Expected {
    u32 refs;
    u32 uses;
};

class Audit {
public:
    explicit Audit(Expected* expected) : expected_{expected} {}

    AuditReport run() {
        for (u64 mfn = 0; mfn < max_mfn; ++mfn) count_held_by_frame(page_of(Mfn{mfn}));
        for (u32 id = 0; id < abi::first_reserved_domid; ++id) {
            auto domain = find_domain(Domid{static_cast<u16>(id)});
            if (!domain) continue;
            ++report_.domains;
            claimed_ += (*domain)->claimed_pages;
            count_held_by_domain(**domain);
        }
        for (u64 mfn = 0; mfn < max_mfn; ++mfn) compare(page_of(Mfn{mfn}));
        compare_claims();
        report_.complete = true;
        return report_;
    }

private:
    void reference(Mfn mfn) {
        if (is_ram(mfn)) ++expected_[mfn.value].refs;
    }
    // A typed use: the frame must have that type, so no frame is a table and writable at once.
    void use(Mfn mfn, PageType kind) {
        if (!is_ram(mfn)) return;
        ++expected_[mfn.value].uses;
        PageType real = page_of(mfn).kind();
        if (real == kind) return;
        if (report_.mismatches++ < most_lines)
            log::error("audit: frame {:x} is used as type {}, and is {}", mfn, kind, real);
    }
    void hold(Mfn mfn, bool writable) {
        if (writable) use(mfn, PageType::writable);
        else reference(mfn);
    }
    void use_root(HeldRoot const& root) {
        if (root) use(root.mfn(), PageType::l4);
    }

    void count_held_by_frame(PageInfo const& page) {
        Mfn self = mfn_of(page);
        u64 count = page.count.load();
        if (PageInfo::owner_of(count).value >= abi::first_reserved_domid) return;
        if (count & PageInfo::allocated) hold(self, count & PageInfo::shared);
        u64 word = page.type.load();
        if (word & PageInfo::pinned) use(self, PageInfo::kind_of(word));
        if (word & PageInfo::queued) reference(self);
        u32 prefix = PageInfo::prefix_of(word);
        if (prefix) reference(self);
        u64 const* entries = reinterpret_cast<u64 const*>(hal::map(self));
        PageType level = PageInfo::kind_of(word);
        for (u32 i = 0; i < prefix; ++i) {
            Pte pte{entries[i]};
            if (!pte.is_present() || (level == PageType::l4 && is_hypervisor_slot(i))) continue;
            if (level != PageType::l1) use(pte.mfn(), below(level));
            else hold(pte.mfn(), pte.is_writable());
        }
    }

    void count_held_by_domain(Domain& domain) {
        for (Vcpu* vcpu : domain.vcpus) {
            if (!vcpu) continue;
            use_root(vcpu->kernel_root);
            use_root(vcpu->user_root);
            for (Mfn mfn : vcpu->gdt_frames)
                if (mfn.value) use(mfn, PageType::segdesc);
            for (Mfn mfn : vcpu->ldt_frames)
                if (mfn.value) use(mfn, PageType::segdesc);
            if (PageInfo const* page = __atomic_load_n(&vcpu->info_page, __ATOMIC_ACQUIRE))
                use(mfn_of(*page), PageType::writable);
        }
        if (PageInfo const* ends = domain.events ? domain.events->pirqs().ends.page() : nullptr)
            use(mfn_of(*ends), PageType::writable);
        if (domain.events)
            domain.events->for_each_fifo_page([this](void* page) { use(hal::mfn_of(page), PageType::writable); });
        if (domain.grants) domain.grants->for_each_mapping([this](Mfn mfn, bool writable) { hold(mfn, writable); });
    }

    void compare(PageInfo const& page) {
        u64 count = page.count.load();
        Domid owner = PageInfo::owner_of(count);
        if (owner == abi::domid_invalid) ++report_.free_frames;
        if (owner.value >= abi::first_reserved_domid) return;
        ++report_.frames;
        Expected& expected = expected_[mfn_of(page).value];
        if (expected.uses) ++expected.refs;  // that of all uses
        if (page.refs() == expected.refs && page.uses() == expected.uses) return;
        if (report_.mismatches++ >= most_lines) return;
        log::error("audit: frame {:x} of d{}: refs {} expected {}, uses {} expected {}, kind {}, prefix {}",
                   mfn_of(page), owner, page.refs(), expected.refs, page.uses(), expected.uses, page.kind(),
                   page.prefix());
    }

    void compare_claims() {
        u64 const all = claimed_frame_count();
        u64 const free = free_frame_count();
        if (all == claimed_ && all <= free) return;
        ++report_.mismatches;
        log::error("audit: domains claim {} frames, the allocator knows of {}, {} are free", claimed_, all, free);
    }

    Expected* expected_;
    u64 claimed_ = 0;
    AuditReport report_;
};
}  // namespace

AuditReport audit_frames() {
    u32 order = order_of_bytes(max_mfn * sizeof(Expected));
    auto* expected = reinterpret_cast<Expected*>(alloc_heap(order));
    if (!expected) return {};
    AuditReport report = Audit{expected}.run();
    free_heap(reinterpret_cast<std::byte*>(expected), order);
    report.free_frames += u64{1} << order;
    return report;
}

void audit_all() {
    AuditReport report = audit_frames();
    if (!report.complete) {
        log::error("audit: not done, no memory for it");
        return;
    }
    if (report.free_frames != free_frame_count()) {
        ++report.mismatches;
        log::error("audit: {} frames are free, the allocator has {}", report.free_frames, free_frame_count());
    }
    if (report.mismatches)
        log::error("audit: MISMATCH in {} places, frames={} free={} domains={}", report.mismatches, report.frames,
                   report.free_frames, report.domains);
    else log::error("audit: ok frames={} free={} domains={}", report.frames, report.free_frames, report.domains);
}
}  // namespace hv

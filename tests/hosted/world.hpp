// SPDX-License-Identifier: MIT
// Domains to test with. Each guest has its memory mapped the way a domain builder leaves it: frame pfn at
// kernel_base + pfn * 4096, writable but for the page tables, under a pinned root; and calls hypercalls as a guest
// does.
#pragma once
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "core/domain.hpp"
#include "core/hypercall/dispatch.hpp"
#include "hosted/machine.hpp"
#include "portable/base/pte.hpp"

namespace hosted {
class World;

class Guest {
public:
    static constexpr u64 kernel_base = 0xffff'8800'0000'0000;
    static constexpr u64 table_frames = 4;  // L4, L3, L2, L1: pfn 0 to 3

    Guest(World& world, Domid id, u64 pages, u32 vcpus);

    Domain& domain() { return **domain_; }
    Domid id() const { return (*domain_)->id; }
    Vcpu& vcpu(u32 index = 0) { return *(*domain_)->vcpus[index]; }
    void drop() { domain_.reset(); }  // the test's reference
    bool exists() const { return domain_ != nullptr; }

    u64 pages() const { return mfns_.size(); }
    Mfn mfn(u64 pfn) const { return mfns_[pfn]; }
    void set_mfn(u64 pfn, Mfn mfn) { mfns_[pfn] = mfn; }  // after the guest exchanged it
    static u64 va(u64 pfn) { return kernel_base + pfn * page_size; }
    Maddr leaf_address(u64 pfn) const { return Maddr{(mfns_[3].value << page_shift) + pfn * 8}; }
    u64* frame(u64 pfn) const { return reinterpret_cast<u64*>(Machine::get().frame(mfns_[pfn].value)); }

    // A hypercall of vCPU `index`, repeated as often as the hypervisor says "again".
    i64 call(u32 number, std::array<u64, 4> args, u32 index);
    i64 call(u32 number, std::array<u64, 4> args = {}) { return call(number, args, active); }

    // The vCPU that makes calls which name none. If it is preemptible, a preempted call returns `unfinished` and leaves
    // its rest, and demotions, to the vCPU's next action, so that other vCPUs act in between.
    u32 active = 0;
    bool preemptible = false;
    static constexpr i64 unfinished = INT64_MIN;
    void finish(u32 index);  // what was left; a vCPU does this before it runs guest code
    // A load or store of the active vCPU through its CPU's translation cache. Null: a page fault.
    u64* access(u64 va, bool write);

    // Copies a structure to guest memory (the active vCPU's scratch page, one of the last pfns) and back.
    u64 scratch_pfn() const { return pages() - 1 - active; }
    template <class T>
    u64 put(T const& value, u64 offset = 0) {
        std::memcpy(reinterpret_cast<std::byte*>(frame(scratch_pfn())) + offset, &value, sizeof(T));
        return va(scratch_pfn()) + offset;
    }
    template <class T>
    T take(u64 offset = 0) const {
        T value;
        std::memcpy(&value, reinterpret_cast<std::byte const*>(frame(scratch_pfn())) + offset, sizeof(T));
        return value;
    }

    i64 mmu_update(Maddr entry, u64 value, u32 command = 0);
    i64 update_va_mapping(u64 va, u64 value, u64 flags = 0);
    i64 mmuext(u32 command, u64 arg1, u64 arg2 = 0);
    i64 pin(u32 level, Mfn mfn) { return mmuext(level - 1, mfn.value); }
    i64 unpin(Mfn mfn) { return mmuext(4, mfn.value); }
    // Makes the frame read-only in the guest's own map, or writable again: what must precede its use as a table.
    i64 protect(u64 pfn);
    i64 unprotect(u64 pfn);

private:
    struct Pending {
        u32 number;
        HypercallArgs args;
    };
    i64 step(u32 index);

    std::unique_ptr<DomainRef> domain_;
    std::vector<Mfn> mfns_;
    std::vector<std::optional<Pending>> pending_;
};

class World {
public:
    World();
    ~World();

    Guest& dom0() { return *guests_.front(); }
    Guest& add_guest(u64 pages = 64, u32 vcpus = 1);
    void destroy(Guest& guest);  // to the end, as domctl destroydomain is repeated
    Machine& machine() { return machine_; }

    // The audit of core/audit.hpp: mismatches between counts and what holds references.
    u64 mismatches();

private:
    Machine& machine_;
    std::vector<std::unique_ptr<Guest>> guests_;
};

// Negative errno as a hypercall returns it.
constexpr i64 err(Errno error) { return -static_cast<i64>(error); }

inline constexpr u64 rw = Pte::present | Pte::writable | Pte::user | Pte::accessed | Pte::dirty;
inline constexpr u64 ro = Pte::present | Pte::user | Pte::accessed;
}  // namespace hosted

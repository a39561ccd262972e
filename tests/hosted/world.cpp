// SPDX-License-Identifier: MIT
#include "hosted/world.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/audit.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/root.hpp"
#include "core/sched/scheduler.hpp"
#include "public/hypercall.hpp"
#include "public/mmu.hpp"

namespace hosted {
Guest::Guest(World& world, Domid id, u64 pages, u32 vcpus) {
    auto created = create_domain({.id = id, .privileged = id == abi::dom0, .max_vcpus = vcpus});
    if (!created) throw std::runtime_error{"create_domain"};
    domain_ = std::make_unique<DomainRef>(*std::move(created));
    Domain& self = domain();
    self.max_pages = pages + 64;
    if (!create_vcpus(self, vcpus)) throw std::runtime_error{"create_vcpus"};
    for (u64 pfn = 0; pfn < pages; ++pfn) {
        auto page = alloc_domain_frames(self, 0);
        if (!page) throw std::runtime_error{"no memory for a guest"};
        mfns_.push_back(mfn_of(**page));
        set_m2p(mfns_.back(), pfn);
    }
    frame(0)[l4_index(kernel_base)] = Pte::make(mfns_[1], rw).raw;
    frame(1)[l3_index(kernel_base)] = Pte::make(mfns_[2], rw).raw;
    frame(2)[l2_index(kernel_base)] = Pte::make(mfns_[3], rw).raw;
    for (u64 pfn = 0; pfn < pages; ++pfn) frame(3)[pfn] = Pte::make(mfns_[pfn], pfn < table_frames ? ro : rw).raw;
    for (u32 i = 0; i < vcpus; ++i) {
        world.machine().current = &vcpu(i);
        Result<> rooted = set_kernel_root(vcpu(i), mfns_[0]);
        if (!rooted) throw std::runtime_error{"the first root was refused"};
        vcpu(i).initialised = true;
        sched::clear_reason(vcpu(i), PauseReason::down);
        self.dirty_cpus.set(vcpu(i).cpu);
    }
    pending_.resize(vcpus);
    if (pin(4, mfns_[0]) != 0) throw std::runtime_error{"pinning the first root"};
    world.machine().current = nullptr;
}

i64 Guest::call(u32 number, std::array<u64, 4> args, u32 index) {
    Machine& machine = Machine::get();
    if (preemptible) {
        machine.enter(vcpu(index));
        finish(index);
    }
    machine.current = &vcpu(index);
    pending_[index] = Pending{number, {args}};
    i64 result = step(index);
    while (!preemptible && pending_[index]) result = step(index);
    machine.current = nullptr;
    return result;
}

i64 Guest::step(u32 index) {
    Pending& call = *pending_[index];
    Outcome outcome = dispatch_hypercall(vcpu(index), call.number, call.args);
    while (!drain_demotions(vcpu(index).demotions) && !preemptible) {}  // as the way out to a guest does
    if (outcome.is_again()) return unfinished;
    pending_[index].reset();
    return outcome.value;
}

void Guest::finish(u32 index) {
    Machine& machine = Machine::get();
    machine.enter(vcpu(index));
    while (pending_[index]) {
        step(index);
        while (!drain_demotions(vcpu(index).demotions)) {}
    }
    while (!drain_demotions(vcpu(index).demotions)) {}
}

u64* Guest::access(u64 address, bool write) {
    Machine& machine = Machine::get();
    finish(active);
    machine.enter(vcpu(active));
    auto* at = reinterpret_cast<u64*>(machine.access(address, write));
    machine.current = nullptr;
    return at;
}

i64 Guest::mmu_update(Maddr entry, u64 value, u32 command) {
    u64 request = put(abi::MmuUpdate{.ptr = entry.value | command, .val = value});
    return call(abi::hypercall::mmu_update, {request, 1, 0, abi::domid_self.value});
}

i64 Guest::update_va_mapping(u64 address, u64 value, u64 flags) {
    return call(abi::hypercall::update_va_mapping, {address, value, flags});
}

i64 Guest::mmuext(u32 command, u64 arg1, u64 arg2) {
    abi::MmuextOp op{};
    op.cmd = command;
    op.arg1.mfn = Mfn{arg1};
    op.arg2.raw = arg2;
    return call(abi::hypercall::mmuext_op, {put(op), 1, 0, abi::domid_self.value});
}

i64 Guest::protect(u64 pfn) { return update_va_mapping(va(pfn), Pte::make(mfn(pfn), ro).raw); }
i64 Guest::unprotect(u64 pfn) { return update_va_mapping(va(pfn), Pte::make(mfn(pfn), rw).raw); }

World::World() : machine_{started_machine()} {
    machine_.reset();
    guests_.push_back(std::make_unique<Guest>(*this, abi::dom0, 64, 1));
}

World::~World() {
    machine_.reset();
    for (; !guests_.empty(); guests_.pop_back())
        if (guests_.back()->exists()) destroy(*guests_.back());
}

Guest& World::add_guest(u64 pages, u32 vcpus) {
    auto id = next_free_domid();
    guests_.push_back(std::make_unique<Guest>(*this, *id, pages, vcpus));
    return *guests_.back();
}

void World::destroy(Guest& guest) {
    machine_.current = nullptr;
    while (!destroy_domain(guest.domain())) {}
}

u64 World::mismatches() { return audit_frames().mismatches; }
}  // namespace hosted

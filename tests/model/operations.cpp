// SPDX-License-Identifier: MIT
#include "model/operations.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "core/grant/table.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/page_alloc.hpp"
#include "core/mm/root.hpp"
#include "public/grant_table.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"
#include "public/mmu.hpp"

namespace model {
using namespace hosted;

namespace {
// The frames that operations play with: few, so that they meet often.
constexpr u64 first_pfn = 8, pfn_count = 12;
constexpr u64 list_offset = 256;  // of extents, in the scratch page
constexpr u64 grant_slot = 40;    // mapper's pfns from here on are free for grant mappings

u64 pfn_of(std::uint8_t byte) { return first_pfn + byte % pfn_count; }

class Operation {
public:
    Operation(Stage& stage, std::uint8_t const* bytes)
        : bytes_{bytes},
          self_{bytes[0] & 0x80 ? stage.second : stage.first},
          other_{bytes[0] & 0x80 ? stage.first : stage.second},
          stage_{stage} {
        self_.active = bytes[0] >> 6 & 1;
    }

    bool run() {
        stage_.world.machine().preempt_after = bytes_[7] % 8;  // long operations are cut into pieces
        return_to_playground(self_);
        switch (bytes_[0] % 16) {
            case 0: return pin();
            case 1: return self_.unpin(frame()) == 0;
            case 2: return self_.protect(pfn_of(bytes_[1])) == 0;
            case 3: return self_.unprotect(pfn_of(bytes_[1])) == 0;
            case 4:
            case 5: return self_.mmu_update(entry(), value(), bytes_[6] % 4 == 2 ? 2 : 0) == 0;
            case 6: return touch();
            case 7: return self_.update_va_mapping(Guest::va(pfn_of(bytes_[1])), value()) == 0;
            case 8: return self_.mmuext(abi::mmuext::new_user_baseptr, bytes_[2] & 1 ? frame().value : 0) == 0;
            case 9: return release_and_populate();
            case 10: return descriptor_table();
            case 11: return bytes_[6] & 3 ? pin() : map_grant();  // few: what others map is nobody's table
            case 12: return unmap_grant();
            case 13: return bytes_[6] & 3 ? unmap_foreign() : map_foreign();
            case 14:
                return self_.mmuext(abi::mmuext::new_baseptr, bytes_[2] & 1 ? frame().value : self_.mfn(0).value) == 0;
            default: return batch();
        }
    }

private:
    Mfn frame() const { return self_.mfn(pfn_of(bytes_[1])); }
    u64 slot() const { return bytes_[3] % 16 + (bytes_[3] & 0x10 ? 260 : 0); }  // some in the hypervisor's L4 slots
    Maddr entry() const { return Maddr{(frame().value << page_shift) + slot() * 8}; }
    u64 value() const {
        u64 flags = bytes_[5] & 1 ? Pte::present : 0;
        if (bytes_[5] & 2) flags |= Pte::writable;
        if (bytes_[5] & 4) flags |= Pte::user;
        if (bytes_[5] & 8) flags |= Pte::no_execute;
        if ((bytes_[5] & 0xf0) == 0xf0) flags |= Pte::page_size_or_pat;
        Mfn target = bytes_[6] == 255 ? other_.mfn(pfn_of(bytes_[4]))
                                      : self_.mfn(bytes_[2] & 0x80 ? fitting_pfn() : pfn_of(bytes_[4]));
        return Pte::make(target, flags).raw;
    }
    // For an entry of a page table above level 1: a table of the level below, if there is one. Chance alone builds few
    // trees.
    u64 fitting_pfn() const {
        PageType const level = page_of(frame()).kind();
        for (u64 i = 0; i < pfn_count; ++i) {
            u64 const pfn = first_pfn + (bytes_[4] + i) % pfn_count;
            PageInfo const& page = page_of(self_.mfn(pfn));
            if (is_table_type(page.kind()) && static_cast<int>(page.kind()) + 1 == static_cast<int>(level)) return pfn;
        }
        return pfn_of(bytes_[4]);
    }

    bool pin() {
        u64 const pfn = pfn_of(bytes_[1]);
        if (bytes_[5] & 1) {  // as a kernel does it: a fresh frame, which it cannot write any more
            if (u64* at = self_.access(Guest::va(pfn), true); at && (bytes_[5] & 2))
                std::fill_n(at, entries_per_table, 0);
            self_.protect(pfn);
        }
        return self_.pin(1 + bytes_[2] % 4, frame()) == 0;
    }

    // A guest's own load or store: the processor lets it through where a mapping exists, or one did that it remembers.
    bool touch() {
        u64 const va = Guest::va(bytes_[5] & 0x20 ? grant_slot + bytes_[3] % 8 : pfn_of(bytes_[1]));
        bool const write = bytes_[2] & 3;
        u64* at = self_.access(va + slot() * 8, write);
        if (at && write) *at = value();
        return at;
    }
    // Gives a frame back, wherever it is still in use, and takes another one for its pfn. The tools may have claimed
    // it.
    bool release_and_populate() {
        u64 const pfn = pfn_of(bytes_[1]);
        self_.update_va_mapping(Guest::va(pfn), 0);
        if (reserve(abi::memop::decrease_reservation, frame().value) != 1) return false;
        if (bytes_[5] & 0x40) (void)claim_frames(self_.domain(), self_.domain().pages + 1 + bytes_[2] % 4);
        if (bytes_[5] & 0x80) drop_claim(other_.domain());
        if (reserve(abi::memop::populate_physmap, pfn) != 1) return false;
        self_.set_mfn(pfn, Mfn{self_.take<u64>(list_offset)});
        return self_.unprotect(pfn) == 0;
    }
    i64 reserve(u32 command, u64 extent) {
        abi::MemoryReservation request{};
        request.nr_extents = 1;
        request.domid = abi::domid_self;
        request.extent_start = {self_.put(extent, list_offset)};
        i64 result = self_.call(abi::hypercall::memory_op, {command, self_.put(request)});
        if (result != Guest::unfinished) return result;
        self_.finish(self_.active);
        return 1;
    }
    bool descriptor_table() {
        if (bytes_[2] & 1) return self_.call(abi::hypercall::set_gdt, {self_.put(frame()), 16}) == 0;
        return self_.call(abi::hypercall::set_gdt, {0, 0}) == 0;
    }
    bool map_grant() {
        u32 ref = bytes_[2] % 4;
        auto table = other_.domain().grants->grown_to(0);
        auto& shared = reinterpret_cast<abi::GrantEntryV1*>(hal::map(*table))[ref];
        if (bytes_[5] & 1) {  // the granter (re)writes the entry, in use or not
            shared.domid = self_.id();
            shared.frame = static_cast<u32>(other_.mfn(pfn_of(bytes_[4])).value);
            shared.flags = static_cast<u16>(abi::gtf::permit_access | (bytes_[5] & 2 ? abi::gtf::readonly : 0));
        }
        abi::GnttabMapGrantRef op{};
        u64 pfn = grant_slot + bytes_[3] % 8;
        bool by_entry = bytes_[5] & 4;
        op.host_addr = by_entry ? self_.leaf_address(pfn).value : Guest::va(pfn);
        op.flags = abi::gntmap::host_map | (by_entry ? abi::gntmap::contains_pte : 0u) |
                   (bytes_[5] & 8 ? abi::gntmap::readonly : 0u) | (bytes_[5] & 16 ? abi::gntmap::device_map : 0u);
        op.ref = GrantRef{ref};
        op.dom = other_.id();
        self_.call(abi::hypercall::grant_table_op, {abi::gnttabop::map_grant_ref, self_.put(op), 1});
        self_.finish(self_.active);
        auto done = self_.take<abi::GnttabMapGrantRef>();
        if (done.status != 0) return false;
        mapping_at(pfn) = {.handle = done.handle.value, .frame = Mfn{done.dev_bus_addr >> page_shift}};
        (void)self_.access(Guest::va(pfn), true);
        return true;
    }
    // What the guest remembers of the last mapping at a pfn.
    GrantMapping& mapping_at(u64 pfn) { return stage_.mappings[&self_ == &stage_.second][pfn - grant_slot]; }
    // The granter has a frame back for itself, and a use for it.
    void make_table_of(Mfn mfn) {
        for (u64 pfn = first_pfn; pfn < first_pfn + pfn_count; ++pfn) {
            if (other_.mfn(pfn) != mfn) continue;
            other_.protect(pfn);
            other_.pin(1, mfn);
        }
    }
    bool unmap_grant() {
        abi::GnttabUnmapGrantRef op{};
        u64 pfn = grant_slot + bytes_[3] % 8;
        op.host_addr = bytes_[5] & 4 ? self_.leaf_address(pfn).value : Guest::va(pfn);
        op.dev_bus_addr = bytes_[5] & 16 ? other_.mfn(pfn_of(bytes_[4])).value << page_shift : 0;
        op.handle = abi::GrantHandle{bytes_[2] & 0x70 ? mapping_at(pfn).handle : bytes_[2] % 16u};
        u64 const count = bytes_[1] & 64 ? 2 : 1;  // the second one finds nothing to unmap
        self_.call(abi::hypercall::grant_table_op,
                   {abi::gnttabop::unmap_grant_ref, self_.put(std::array{op, op}), count});
        self_.finish(self_.active);
        if (self_.take<abi::GnttabUnmapGrantRef>().status != 0) return false;
        make_table_of(mapping_at(pfn).frame);
        return true;
    }
    bool map_foreign() { return change_foreign(Pte::make(frame(), bytes_[5] & 2 ? rw : ro).raw); }
    bool unmap_foreign() { return change_foreign(0); }
    bool change_foreign(u64 wanted) {
        Guest& dom0 = stage_.world.dom0();
        u64 pfn = grant_slot + bytes_[3] % 8;
        u64 request = dom0.put(abi::MmuUpdate{.ptr = dom0.leaf_address(pfn).value, .val = wanted});
        return dom0.call(abi::hypercall::mmu_update, {request, 1, 0, self_.id().value}) == 0;
    }
    bool batch() {
        for (u64 i = 0; i < 3; ++i)
            self_.put(abi::MmuUpdate{.ptr = entry().value + i * 8, .val = i == bytes_[2] % 3u ? 0 : value()}, i * 16);
        u64 list = Guest::va(self_.scratch_pfn());
        return self_.call(abi::hypercall::mmu_update, {list, 3, 0, abi::domid_self.value}) == 0;
    }

    std::uint8_t const* bytes_;
    Guest& self_;
    Guest& other_;
    Stage& stage_;
};
}  // namespace

void return_to_playground(Guest& guest) {
    Mfn root = guest.mfn(0);
    Vcpu& vcpu = guest.vcpu(guest.active);
    if (vcpu.kernel_root.is(root)) return;
    guest.finish(guest.active);
    while (set_kernel_root(vcpu, root).error() == Errno::again) {}
    guest.finish(guest.active);
}

Stage::Stage() : first{world.add_guest(64, 2)}, second{world.add_guest(64, 2)} {
    first.preemptible = second.preemptible = true;
}

void Stage::finish() {
    world.machine().preempt_after = 0;
    for (Guest* guest : {&first, &second})
        for (u32 index : {0u, 1u}) guest->finish(index);
}

void run(Stage& stage, std::span<std::uint8_t const> bytes, unsigned audit_every, Tally& tally) {
    for (std::size_t at = 0; at + bytes_per_operation <= bytes.size(); at += bytes_per_operation) {
        ++tally.operations;
        tally.succeeded += Operation{stage, bytes.data() + at}.run();
        if (std::string danger = stage.world.machine().translations.danger(); !danger.empty())
            throw std::logic_error{"after operation " + std::to_string(tally.operations) + ": " + danger};
        if (tally.operations % audit_every == 0 && stage.world.mismatches())
            throw std::logic_error{"counts do not agree after operation " + std::to_string(tally.operations) + ":\n" +
                                   stage.world.machine().console};
    }
}
}  // namespace model

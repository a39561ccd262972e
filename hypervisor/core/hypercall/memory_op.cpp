// SPDX-License-Identifier: MIT
// memory_op: sizes, maps and resources. Reservations are in reservation.cpp, exchange in
// exchange.cpp.
#include <algorithm>
#include "core/grant/table.hpp"
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "core/hypercall/dispatch.hpp"
#include "core/hypercall/reservation.hpp"
#include "core/mm/heap.hpp"
#include "core/mm/page_alloc.hpp"
#include "public/memory.hpp"
#include "public/mmu.hpp"

namespace hv {
namespace {
constexpr u32 max_map_entries = page_size / sizeof(abi::E820Entry);

// A copy of a map, in a page that goes with it.
class MapCopy {
public:
    MapCopy() : entries_{reinterpret_cast<abi::E820Entry*>(alloc_heap(0))} {}
    MapCopy(MapCopy const&) = delete;
    ~MapCopy() { free_heap(reinterpret_cast<std::byte*>(entries_), 0); }
    explicit operator bool() const { return entries_ != nullptr; }  // false: there was no memory
    abi::E820Entry* entries() const { return entries_; }
    void exchange(abi::E820Entry*& with) { std::swap(entries_, with); }

private:
    abi::E820Entry* entries_;
};

Result<u64> pages_field(Vcpu& vcpu, guest_ptr<void> arg, auto field) {
    auto request = TRY(copy_in(arg.as<abi::MemoryDomain>()));
    DomainRef named = TRY(resolve_domain(*vcpu.domain, request.domid));
    return static_cast<u64>(field(*named));
}

// A domain that others' mappings keep after its end has no shared_info any more; the reference keeps it if that end is
// just coming.
u64 last_pfn(Domain& domain) {
    Result<PageRef> const page = get_page(domain.shared_info_mfn, domain.id);
    abi::SharedInfo const* const shared = domain.shared_info;
    u64 const count = page && shared ? __atomic_load_n(&shared->arch.max_pfn, __ATOMIC_RELAXED) : 0;
    return count ? count - 1 : 0;
}

// Copies as many entries as fit and reports how many there are in the map.
Result<u64> copy_map(guest_ptr<void> arg, std::span<abi::E820Entry const> map) {
    return with_argument<abi::MemoryMap>(arg, [&](abi::MemoryMap& request) -> Result<u64> {
        u64 count = std::min<u64>(request.nr_entries, map.size());
        TRY(copy_out_bytes(request.buffer.address, map.data(), count * sizeof(abi::E820Entry)));
        request.nr_entries = static_cast<u32>(count);
        return u64{0};
    });
}

Result<u64> set_memory_map(Vcpu& vcpu, guest_ptr<void> arg) {
    auto request = TRY(copy_in(arg.as<abi::ForeignMemoryMap>()));
    if (!vcpu.domain->privileged) return Errno::perm;
    if (request.map.nr_entries > max_map_entries) return Errno::inval;
    DomainRef named = TRY(resolve_domain(*vcpu.domain, request.domid));
    MapCopy map;
    if (!map) return Errno::nomem;
    TRY(copy_in_bytes(map.entries(), request.map.buffer.address, request.map.nr_entries * sizeof(abi::E820Entry)));
    SpinGuard guard{named->pages_lock};
    map.exchange(named->memory_map);
    named->memory_map_entries = request.map.nr_entries;
    return u64{0};
}

Result<u64> memory_map(Vcpu& vcpu, guest_ptr<void> arg) {
    Domain& domain = *vcpu.domain;
    MapCopy const map;  // the toolstack may set another one while this is told
    if (!map) return Errno::nomem;
    u32 count;
    {
        SpinGuard guard{domain.pages_lock};
        count = domain.memory_map_entries;
        std::copy_n(domain.memory_map, count, map.entries());
    }
    if (!count) return Errno::nosys;  // what Linux takes as "one region of nr_pages"
    return copy_map(arg, {map.entries(), count});
}

Result<u64> machphys_mfn_list(Vcpu& vcpu, guest_ptr<void> arg) {
    if (!vcpu.domain->privileged) return Errno::perm;
    return with_argument<abi::MachphysMfnList>(arg, [&](abi::MachphysMfnList& request) -> Result<u64> {
        constexpr u64 entries_per_chunk = (u64{2} << 20) / sizeof(u64);
        u32 chunks = static_cast<u32>((max_mfn + entries_per_chunk - 1) / entries_per_chunk);
        u32 count = std::min(request.max_extents, chunks);
        for (u32 i = 0; i < count; ++i) TRY(copy_out(request.extent_start + i, hal::m2p_chunk(i)));
        request.nr_extents = count;
        return u64{0};
    });
}

Result<u64> machphys_mapping(guest_ptr<void> arg) {
    abi::MachphysMapping mapping{
        .v_start = Vaddr{abi::machphys_virt_start}, .v_end = Vaddr{abi::machphys_virt_end}, .max_mfn = max_mfn - 1};
    TRY(copy_out(arg.as<abi::MachphysMapping>(), mapping));
    return u64{0};
}

Result<u64> claim_pages(Vcpu& vcpu, guest_ptr<void> arg) {
    auto request = TRY(copy_in(arg.as<abi::MemoryReservation>()));
    if (!request.extent_start.is_null() || request.extent_order || request.mem_flags) return Errno::inval;
    Result<DomainRef> named = find_domain(request.domid);
    if (!named) return Errno::inval;
    if (!vcpu.domain->privileged) return Errno::perm;
    if (request.nr_extents) TRY(claim_frames(**named, request.nr_extents));
    else drop_claim(**named);
    return u64{0};
}

Result<u64> reserved_device_memory(guest_ptr<void> arg) {
    return with_argument<abi::ReservedDeviceMemoryMap>(arg, [](abi::ReservedDeviceMemoryMap& request) -> Result<u64> {
        request.nr_entries = 0;  // no IOMMU, nothing to reserve
        return u64{0};
    });
}

Result<u64> acquire_resource(Vcpu& vcpu, guest_ptr<void> arg) {
    if (!vcpu.domain->privileged) return Errno::perm;
    return with_argument<abi::MemAcquireResource>(arg, [&](abi::MemAcquireResource& request) -> Result<u64> {
        if (request.pad) return Errno::inval;
        if (request.type != abi::resource::grant_table || request.id != abi::resource::grant_table_shared)
            return Errno::opnotsupp;
        DomainRef named = TRY(resolve_domain(*vcpu.domain, request.domid));
        if (named->is_dying()) return Errno::inval;  // it may never have got as far as a table
        u32 limit = named->grants->max_frame_count();
        if (request.frame_list.is_null()) {
            if (request.nr_frames) return Errno::inval;
            request.nr_frames = limit;
            return u64{0};
        }
        if (request.frame > limit || request.nr_frames > limit - request.frame) return Errno::inval;
        for (u32 i = 0; i < request.nr_frames; ++i) {
            Mfn mfn = TRY(named->grants->grown_to(static_cast<u32>(request.frame) + i));
            TRY(copy_out(request.frame_list + i, mfn));
        }
        return u64{0};
    });
}
}  // namespace

// (command, argument*). The progress of a preempted reservation is in the command above its low six bits.
Outcome do_memory_op(Vcpu& vcpu, HypercallArgs& args) {
    u32 command = static_cast<u32>(args[0]) & abi::memop::command_mask;
    guest_ptr<void> arg{args[1]};
    switch (command) {
        case abi::memop::increase_reservation:
        case abi::memop::decrease_reservation:
        case abi::memop::populate_physmap: return change_reservation(vcpu, args);
        case abi::memop::exchange: return exchange_frames(vcpu, arg);
        default: break;
    }
    if (args[0] >> abi::memop::progress_shift) return Errno::nosys;  // only reservations are continued
    switch (command) {
        case abi::memop::maximum_ram_page: return static_cast<i64>(max_mfn);
        case abi::memop::current_reservation: return pages_field(vcpu, arg, [](Domain& d) { return d.pages.load(); });
        case abi::memop::maximum_reservation: return pages_field(vcpu, arg, [](Domain& d) { return d.max_pages; });
        case abi::memop::maximum_gpfn: return pages_field(vcpu, arg, last_pfn);
        case abi::memop::machphys_mfn_list: return machphys_mfn_list(vcpu, arg);
        case abi::memop::machphys_mapping: return machphys_mapping(arg);
        case abi::memop::memory_map: return memory_map(vcpu, arg);
        case abi::memop::machine_memory_map:
            if (!vcpu.domain->privileged) return Errno::perm;
            return copy_map(arg, hal::machine_memory_map());
        case abi::memop::set_memory_map: return set_memory_map(vcpu, arg);
        case abi::memop::get_sharing_freed_pages:
        case abi::memop::get_sharing_shared_pages: return Outcome{};
        case abi::memop::claim_pages: return claim_pages(vcpu, arg);
        case abi::memop::reserved_device_memory_map: return reserved_device_memory(arg);
        case abi::memop::acquire_resource: return acquire_resource(vcpu, arg);
        case abi::memop::add_to_physmap:
        case abi::memop::remove_from_physmap:
        case abi::memop::add_to_physmap_batch: return Errno::acces;  // PV guests keep their map themselves
        case abi::memop::get_vnumainfo: return Errno::opnotsupp;
        default: return Errno::nosys;
    }
}
}  // namespace hv

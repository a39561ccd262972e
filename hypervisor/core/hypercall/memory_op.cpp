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
Result<u64> pages_field(Domain& caller, guest_ptr<abi::MemoryDomain> from, auto field) {
    auto request = TRY(copy_in(from));
    DomainRef named = TRY(resolve_domain(caller, request.domid));
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
Result<> copy_map(std::span<abi::E820Entry const>& map, abi::MemoryMap& request) {
    u64 count = std::min<u64>(request.nr_entries, map.size());
    TRY(copy_out_bytes(request.buffer.address, map.data(), count * sizeof(abi::E820Entry)));
    request.nr_entries = static_cast<u32>(count);
    return {};
}

Result<> set_memory_map(Domain& caller, abi::ForeignMemoryMap const& request) {
    if (!caller.privileged) return Errno::perm;
    if (request.map.nr_entries > std::tuple_size_v<MapEntries>) return Errno::inval;
    DomainRef named = TRY(resolve_domain(caller, request.domid));
    auto map = make_owned<MapEntries>();
    if (!map) return Errno::nomem;
    TRY(copy_in_bytes(map->data(), request.map.buffer.address, request.map.nr_entries * sizeof(abi::E820Entry)));
    SpinGuard guard{named->pages_lock};
    map.reset(std::exchange(named->memory_map, map.release()));  // the former one goes without the lock
    named->memory_map_entries = request.map.nr_entries;
    return {};
}

Outcome memory_map(Domain& domain, u64 address) {
    auto const copy = make_owned<MapEntries>();  // the toolstack may set another one while this is told
    if (!copy) return Errno::nomem;
    std::span<abi::E820Entry const> map;
    {
        SpinGuard guard{domain.pages_lock};
        map = {copy->data(), domain.memory_map_entries};
        if (domain.memory_map) *copy = *domain.memory_map;
    }
    if (map.empty()) return Errno::nosys;  // what Linux takes as "one region of nr_pages"
    return with_argument<copy_map>(map, address);
}

Result<> machphys_mfn_list(Domain&, abi::MachphysMfnList& request) {
    constexpr u64 entries_per_chunk = (u64{2} << 20) / sizeof(u64);
    u32 chunks = static_cast<u32>((max_mfn + entries_per_chunk - 1) / entries_per_chunk);
    u32 count = std::min(request.max_extents, chunks);
    for (u32 i = 0; i < count; ++i) TRY(copy_out(request.extent_start + i, hal::m2p_chunk(i)));
    request.nr_extents = count;
    return {};
}

Result<> machphys_mapping(guest_ptr<abi::MachphysMapping> to) {
    return copy_out(to, {Vaddr{abi::machphys_virt_start}, Vaddr{abi::machphys_virt_end}, max_mfn - 1});
}

Result<> claim_pages(Domain& caller, abi::MemoryReservation const& request) {
    if (!request.extent_start.is_null() || request.extent_order || request.mem_flags) return Errno::inval;
    Result<DomainRef> named = find_domain(request.domid);
    if (!named) return Errno::inval;
    if (!caller.privileged) return Errno::perm;
    if (request.nr_extents) return claim_frames(**named, request.nr_extents);
    drop_claim(**named);
    return {};
}

Result<> reserved_device_memory(Domain&, abi::ReservedDeviceMemoryMap& request) {
    request.nr_entries = 0;  // no IOMMU, nothing to reserve
    return {};
}

Result<> acquire_resource(Domain& caller, abi::MemAcquireResource& request) {
    if (request.pad) return Errno::inval;
    if (request.type != abi::resource::grant_table || request.id != abi::resource::grant_table_shared)
        return Errno::opnotsupp;
    DomainRef named = TRY(resolve_domain(caller, request.domid));
    if (named->is_dying()) return Errno::inval;  // it may never have got as far as a table
    u32 limit = named->grants->max_frame_count();
    if (request.frame_list.is_null()) {
        if (request.nr_frames) return Errno::inval;
        request.nr_frames = limit;
        return {};
    }
    if (request.frame > limit || request.nr_frames > limit - request.frame) return Errno::inval;
    for (u32 i = 0; i < request.nr_frames; ++i) {
        Mfn mfn = TRY(named->grants->grown_to(static_cast<u32>(request.frame) + i));
        TRY(copy_out(request.frame_list + i, mfn));
    }
    return {};
}
}  // namespace

// (command, argument*). The progress of a preempted reservation is in the command above its low six bits.
Outcome do_memory_op(Vcpu& vcpu, HypercallArgs& args) {
    u32 command = static_cast<u32>(args[0]) & abi::memop::command_mask;
    Domain& domain = *vcpu.domain;
    switch (command) {
        case abi::memop::increase_reservation:
        case abi::memop::decrease_reservation:
        case abi::memop::populate_physmap: return change_reservation(vcpu, args);
        case abi::memop::exchange: return exchange_frames(vcpu, {args[1]});
        default: break;
    }
    if (args[0] >> abi::memop::progress_shift) return Errno::nosys;  // only reservations are continued
    switch (command) {
        case abi::memop::maximum_ram_page: return static_cast<i64>(max_mfn);
        case abi::memop::current_reservation:
            return pages_field(domain, {args[1]}, [](Domain& d) { return d.pages.load(); });
        case abi::memop::maximum_reservation:
            return pages_field(domain, {args[1]}, [](Domain& d) { return d.max_pages; });
        case abi::memop::maximum_gpfn: return pages_field(domain, {args[1]}, last_pfn);
        case abi::memop::machphys_mfn_list:
            return domain.privileged ? with_argument<machphys_mfn_list>(domain, args[1]) : Outcome{Errno::perm};
        case abi::memop::machphys_mapping: return machphys_mapping({args[1]});
        case abi::memop::memory_map: return memory_map(domain, args[1]);
        case abi::memop::machine_memory_map: {
            if (!domain.privileged) return Errno::perm;
            std::span<abi::E820Entry const> map = hal::machine_memory_map();
            return with_argument<copy_map>(map, args[1]);
        }
        case abi::memop::set_memory_map: return with_argument<set_memory_map>(domain, args[1]);
        case abi::memop::get_sharing_freed_pages:
        case abi::memop::get_sharing_shared_pages: return Outcome{};
        case abi::memop::claim_pages: return with_argument<claim_pages>(domain, args[1]);
        case abi::memop::reserved_device_memory_map: return with_argument<reserved_device_memory>(domain, args[1]);
        case abi::memop::acquire_resource:
            return domain.privileged ? with_argument<acquire_resource>(domain, args[1]) : Outcome{Errno::perm};
        case abi::memop::add_to_physmap:
        case abi::memop::remove_from_physmap:
        case abi::memop::add_to_physmap_batch: return Errno::acces;  // PV guests keep their map themselves
        case abi::memop::get_vnumainfo: return Errno::opnotsupp;
        default: return Errno::nosys;
    }
}
}  // namespace hv

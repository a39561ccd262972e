// SPDX-License-Identifier: MIT
#include "core/mm/guest_area.hpp"
#include <algorithm>
#include <cstring>
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "portable/base/pte.hpp"

namespace hv {
namespace {
// The level-1 entry that maps `address`. Other vCPUs may change and free tables meanwhile, so what is read can be stale
// or nonsense: it only names a frame, whose owner and type are checked before it is used.
Pte find_leaf(u64 root, u64 address) {
    Mfn table{root >> page_shift};
    for (u32 shift : {39u, 30u, 21u, 12u}) {
        if (!is_ram(table)) return Pte{};
        auto const* entries = reinterpret_cast<u64 const*>(hal::map(table));
        Pte const entry{__atomic_load_n(&entries[address >> shift & 511], __ATOMIC_RELAXED)};
        if (!entry.is_present() || shift == 12) return entry;
        table = entry.mfn();
    }
    return Pte{};
}

Result<TypedRef> find_frame(Vcpu& vcpu, u64 address) {
    Pte const leaf = find_leaf(vcpu.kernel_root.cr3_or(0), address);
    if (!leaf.is_present() || !leaf.is_writable()) return Errno::fault;
    return get_writable(leaf.mfn(), vcpu.domain->id);
}
}  // namespace

Result<GuestArea> GuestArea::open(Vcpu& vcpu, u64 address, usize size) {
    if (size > max_size || !is_guest_range(address, size)) return Errno::fault;
    usize const offset = address & ~page_mask;
    usize const first_size = std::min(size, page_size - offset);
    GuestArea area;
    TypedRef first = TRY(find_frame(vcpu, address));
    area.first_.memory = hal::map(first.mfn()) + offset;
    area.first_.size = first_size;
    area.first_.frame.emplace(std::move(first));
    if (first_size < size) {
        TypedRef second = TRY(find_frame(vcpu, address + first_size));
        area.second_.memory = hal::map(second.mfn());
        area.second_.size = size - first_size;
        area.second_.frame.emplace(std::move(second));
    }
    return area;
}

void GuestArea::store(usize offset, void const* from, usize size) {
    auto const* bytes = static_cast<std::byte const*>(from);
    usize const in_first = offset < first_.size ? std::min(size, first_.size - offset) : 0;
    if (in_first) std::memcpy(first_.memory + offset, bytes, in_first);
    if (in_first < size)
        std::memcpy(second_.memory + (offset + in_first - first_.size), bytes + in_first, size - in_first);
}
}  // namespace hv

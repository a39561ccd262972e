// SPDX-License-Identifier: MIT
#include "core/mm/guest_area.hpp"
#include <algorithm>
#include <cstring>
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/l1_entry.hpp"

namespace hv {
namespace {
Result<TypedRef> find_frame(Vcpu& vcpu, u64 address) {
    Result<Pte> leaf = read_leaf(vcpu, address);
    if (!leaf || !leaf->is_writable()) return Errno::fault;
    return get_writable(leaf->mfn(), vcpu.domain->id);
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

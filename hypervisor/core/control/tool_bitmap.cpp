// SPDX-License-Identifier: MIT
#include "core/control/tool_bitmap.hpp"
#include <algorithm>
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"

namespace hv::control {
namespace {
constexpr u32 mask_bytes = max_cpus / 8;
constexpr u32 most_bits = 1u << 20;
}  // namespace

Result<CpuMask> read_bitmap(abi::Bitmap const& from) {
    std::array<u8, mask_bytes> bytes{};
    u32 const bits = std::min(from.nr_bits, max_cpus);
    TRY(copy_in_bytes(bytes.data(), from.bitmap.address, (bits + 7) / 8));
    CpuMask mask;
    for (u32 bit = 0; bit < bits; ++bit)
        if (bytes[bit / 8] >> (bit % 8) & 1) mask.set(bit);
    return mask;
}

Result<> write_bitmap(abi::Bitmap const& to, CpuMask const& mask) {
    if (to.nr_bits > most_bits) return Errno::inval;
    u32 const size = (to.nr_bits + 7) / 8;
    if (!is_guest_range(to.bitmap.address, size) || !hal::clear_guest(to.bitmap.address, size)) return Errno::fault;
    std::array<u8, mask_bytes> bytes{};
    mask.for_each([&](u32 bit) {
        if (bit < to.nr_bits) bytes[bit / 8] = static_cast<u8>(bytes[bit / 8] | 1 << (bit % 8));
    });
    return copy_out_bytes(to.bitmap.address, bytes.data(), std::min(size, mask_bytes));
}
}  // namespace hv::control

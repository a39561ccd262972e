// SPDX-License-Identifier: MIT
#include <algorithm>
#include "base/assert.hpp"
#include "core/mm/page_alloc.hpp"
#include "x86/boot/image.h"
#include "x86/mm/paging.hpp"

namespace hv::boot_memory {
namespace {
struct Range {
    u64 first;
    u64 end;  // frames, exclusive
};
constinit std::array<Range, boot::max_memory_ranges + 64> ranges{};
constinit usize range_count = 0;

constinit std::array<Range, 64> taken{};  // by take(): neighbours are one entry
constinit usize taken_count = 0;

constexpr u64 kept_low_frames = 16;  // firmware scribbles there, and other processors start there
constexpr u64 legacy_frames = 256;   // the rest of the first MiB counts as I/O: dom0 looks for firmware tables there

void add(u64 first, u64 end) {
    if (first >= end) return;
    if (range_count == ranges.size()) panic("too many pieces of free memory at boot");
    ranges[range_count++] = {first, end};
}

void remove(u64 first, u64 end) {
    for (usize i = range_count; i-- > 0;) {
        Range range = ranges[i];
        if (range.end <= first || range.first >= end) continue;
        ranges[i] = ranges[--range_count];
        add(range.first, std::min(range.end, first));
        add(std::max(range.first, end), range.end);
    }
}

void note_taken(u64 first, u64 end) {
    for (Range& range : std::span{taken.data(), taken_count}) {
        if (range.first == end) {
            range.first = first;
            return;
        }
    }
    if (taken_count == taken.size()) panic("too many pieces of memory taken at boot");
    taken[taken_count++] = {first, end};
}

u64 first_image_frame() { return IMAGE_PHYSICAL >> page_shift; }
u64 end_image_frame() { return pages_of(paging::image_physical(image_end)); }
}  // namespace

void init(boot::BootInfo const& info) {
    for (boot::MemoryRange const& range : info.memory_ranges())
        if (range.type == abi::e820::ram) add(pages_of(range.start), range.end() >> page_shift);
    remove(0, legacy_frames);
    remove(first_image_frame(), end_image_frame());
    for (boot::Module const& module : info.module_list())
        remove(module.start.value >> page_shift, pages_of(module.start.value + module.size));
}

Mfn take(u64 frames, u64 alignment, Mfn limit) {
    Range* best = nullptr;
    u64 best_first = 0;
    for (usize i = 0; i < range_count; ++i) {
        u64 end = std::min(ranges[i].end, limit.value);
        if (end < ranges[i].first + frames) continue;
        u64 first = round_down(end - frames, alignment);
        if (first < ranges[i].first || (best && first < best_first)) continue;
        best = &ranges[i];
        best_first = first;
    }
    if (!best) panic("not enough memory for the hypervisor's tables");
    remove(best_first, best_first + frames);
    note_taken(best_first, best_first + frames);
    return Mfn{best_first};
}

// Modules stay outside until they are released: as frames that are no RAM, nobody can get at them meanwhile.
void hand_over() {
    mark_hypervisor_frames(Mfn{0}, kept_low_frames);
    mark_hypervisor_frames(Mfn{first_image_frame()}, end_image_frame() - first_image_frame());
    for (Range const& range : std::span{taken.data(), taken_count})
        mark_hypervisor_frames(Mfn{range.first}, range.end - range.first);
    for (Range const& range : std::span{ranges.data(), range_count})
        add_free_range(Mfn{range.first}, range.end - range.first);
}

void release_module(boot::Module const& module) {
    u64 first = module.start.value >> page_shift;
    add_free_range(Mfn{first}, pages_of(module.start.value + module.size) - first);
}
}  // namespace hv::boot_memory

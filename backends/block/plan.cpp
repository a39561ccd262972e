// SPDX-License-Identifier: MIT
#include "block/plan.hpp"

#include <algorithm>

namespace paravane::block {
namespace {
constexpr std::uint64_t last_sector = ~std::uint64_t{0} / blkif::sector_size;

// Whether it is on the disk, and of whole sectors of it.
bool is_on_disk(std::uint64_t sector, std::uint64_t sectors, Geometry const& geometry) {
    if (sector > last_sector || sectors > last_sector) return false;
    std::uint64_t const offset = sector * blkif::sector_size, length = sectors * blkif::sector_size;
    return offset <= geometry.size && length <= geometry.size - offset && offset % geometry.sector == 0 &&
           length % geometry.sector == 0;
}

std::optional<blkif::Status> plan_transfer(std::uint64_t sector, std::span<blkif::Segment const> segments,
                                           Geometry const& geometry, Plan& plan) {
    std::uint64_t sectors = 0;
    plan.count = 0;
    for (blkif::Segment const& segment : segments) {
        if (segment.first > segment.last || segment.last >= page_size / blkif::sector_size) return blkif::error;
        std::uint32_t const count = segment.last - segment.first + 1u;
        auto const offset = static_cast<std::uint16_t>(segment.first * blkif::sector_size);
        auto const length = static_cast<std::uint16_t>(count * blkif::sector_size);
        // Memory must be as well aligned as the disk, or it could not be reached without a copy.
        if (offset % geometry.sector != 0 || length % geometry.sector != 0) return blkif::error;
        plan.piece[plan.count++] = {segment.ref, offset, length};
        sectors += count;
    }
    if (!is_on_disk(sector, sectors, geometry)) return blkif::error;
    plan.offset = sector * blkif::sector_size;
    plan.length = sectors * blkif::sector_size;
    return {};
}

bool is_transfer(std::uint8_t operation) { return operation == blkif::read || operation == blkif::write; }
}  // namespace

std::uint32_t segments_of(blkif::Request const& request) {
    return request.direct.operation == blkif::indirect ? request.indirect.segments : request.direct.segments;
}

std::uint32_t pages_of_segments(blkif::Request const& request, bool read_only) {
    blkif::Indirect const& indirect = request.indirect;
    if (indirect.operation != blkif::indirect || !is_transfer(indirect.indirect_operation)) return 0;
    if (indirect.indirect_operation == blkif::write && read_only) return 0;
    if (indirect.segments == 0 || indirect.segments > most_segments) return 0;
    return (indirect.segments + blkif::segments_in_page - 1) / blkif::segments_in_page;
}

std::optional<blkif::Status> make_plan(blkif::Request const& request, Segments const& segments,
                                       Geometry const& geometry, Plan& plan) {
    plan.count = 0;
    plan.offset = plan.length = 0;
    std::uint8_t const operation = request.direct.operation;
    switch (operation) {
        case blkif::read:
        case blkif::write: {
            blkif::Direct const& direct = request.direct;
            if (operation == blkif::write && geometry.read_only) return blkif::error;
            if (direct.segments == 0 || direct.segments > blkif::most_direct) return blkif::error;
            plan.action = operation == blkif::read ? Action::read : Action::write;
            return plan_transfer(direct.sector, std::span{direct.segment}.first(direct.segments), geometry, plan);
        }
        case blkif::indirect: {
            blkif::Indirect const& indirect = request.indirect;
            if (pages_of_segments(request, geometry.read_only) == 0) return blkif::error;
            if (segments.count != indirect.segments) return blkif::error;  // they could not be read
            plan.action = indirect.indirect_operation == blkif::read ? Action::read : Action::write;
            return plan_transfer(indirect.sector, std::span{segments.all}.first(segments.count), geometry, plan);
        }
        case blkif::flush:
            // With data it would be a write that follows; no front end sends that to who offers no barriers.
            if (request.direct.segments != 0) return blkif::not_supported;
            plan.action = Action::flush;
            return {};
        case blkif::discard: {
            blkif::Discard const& discard = request.discard;
            if (!geometry.discards || (discard.flag & blkif::discard_secure) != 0) return blkif::not_supported;
            if (geometry.read_only || discard.sectors == 0) return blkif::error;
            if (!is_on_disk(discard.sector, discard.sectors, geometry)) return blkif::error;
            plan.action = Action::discard;
            plan.offset = discard.sector * blkif::sector_size;
            plan.length = discard.sectors * blkif::sector_size;
            return {};
        }
        default: return blkif::not_supported;
    }
}

blkif::Response response_to(blkif::Request const& request, blkif::Status status) {
    std::uint8_t const operation =
        request.direct.operation == blkif::indirect ? request.indirect.indirect_operation : request.direct.operation;
    return {.id = request.direct.id, .operation = operation, .pad = 0, .status = status, .pad2 = 0};
}
}  // namespace paravane::block

// SPDX-License-Identifier: MIT
#include "xen/grant_device.hpp"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <xen/grant_table.h>
// Relies on the types of the one before it.
#include <xen/gntdev.h>

#include <vector>

namespace paravane {
namespace {
constexpr std::size_t page_size = 4096;
}

MappedGrants::~MappedGrants() {
    if (address_ != nullptr) munmap(address_, size_);
}

Result<MappedGrants> GrantDevice::map(std::span<std::uint32_t const> refs) {
    if (refs.empty()) return Error{"map grants", "no reference given", ErrorKind::invalid};
    std::string const step = "map grant " + std::to_string(refs.front()) + " of domain " + std::to_string(domid_);
    std::size_t const bytes = sizeof(ioctl_gntdev_map_grant_ref) + (refs.size() - 1) * sizeof(ioctl_gntdev_grant_ref);
    std::vector<std::uint64_t> memory((bytes + 7) / 8);
    auto& request = *reinterpret_cast<ioctl_gntdev_map_grant_ref*>(memory.data());
    request.count = static_cast<std::uint32_t>(refs.size());
    for (std::size_t i = 0; i < refs.size(); ++i) request.refs[i] = {domid_, refs[i]};
    if (ioctl(fd_.get(), IOCTL_GNTDEV_MAP_GRANT_REF, &request) < 0) return Error::from_errno(step);
    std::size_t const size = refs.size() * page_size;
    void* address =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), static_cast<off_t>(request.index));
    Result<MappedGrants> mapped = address == MAP_FAILED ? Result<MappedGrants>{Error::from_errno(step)}
                                                        : Result<MappedGrants>{MappedGrants{address, size}};
    // The handle's own hold: from here on the pages go with the memory, and the handle does not grow with what was
    // mapped.
    ioctl_gntdev_unmap_grant_ref release{request.index, request.count, 0};
    if (ioctl(fd_.get(), IOCTL_GNTDEV_UNMAP_GRANT_REF, &release) < 0) return Error::from_errno(step);
    return mapped;
}

std::array<unsigned long, 3> GrantDevice::requests() {
    return {IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF, IOCTL_GNTDEV_GRANT_COPY};
}

Result<> GrantDevice::copy(CopyTo direction, std::span<GrantPiece const> pieces) {
    std::vector<gntdev_grant_copy_segment> segments(pieces.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        GrantPiece const& piece = pieces[i];
        gntdev_grant_copy_segment& segment = segments[i];
        bool const out = direction == CopyTo::grant;
        auto& theirs = (out ? segment.dest : segment.source).foreign;
        theirs.ref = piece.ref;
        theirs.offset = piece.offset;
        theirs.domid = domid_;
        (out ? segment.source : segment.dest).virt = piece.memory;
        segment.len = piece.length;
        segment.flags = out ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
    }
    ioctl_gntdev_grant_copy request{static_cast<unsigned>(segments.size()), segments.data()};
    if (ioctl(fd_.get(), IOCTL_GNTDEV_GRANT_COPY, &request) < 0)
        return Error::from_errno("copy grants of domain " + std::to_string(domid_));
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (segments[i].status == GNTST_okay) continue;
        return Error{"copy grant " + std::to_string(pieces[i].ref) + " of domain " + std::to_string(domid_),
                     "the hypervisor answers " + std::to_string(segments[i].status), ErrorKind::invalid};
    }
    return {};
}
}  // namespace paravane

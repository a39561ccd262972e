// SPDX-License-Identifier: MIT
// Pages of one other domain, through a handle of /dev/xen/gntdev that somebody else has opened, who may. For backends:
// the library opens the device itself. A handle maps each grant once, so each process gets one of its own, and can
// close it when it has what it needs; what is mapped stays.
#pragma once
#include "os/error.hpp"
#include "os/owned_fd.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace paravane {
// Gone with the object, and let go by the hypervisor then.
class MappedGrants {
public:
    MappedGrants() = default;
    MappedGrants(void* address, std::size_t size) : address_{address}, size_{size} {}
    MappedGrants(MappedGrants&& other) noexcept
        : address_{std::exchange(other.address_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    MappedGrants& operator=(MappedGrants&& other) noexcept {
        std::swap(address_, other.address_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~MappedGrants();

    void* data() const { return address_; }
    std::size_t size() const { return size_; }

private:
    void* address_ = nullptr;
    std::size_t size_ = 0;
};

// A piece of a granted page and as much memory of ours; a piece does not cross a page of either side.
struct GrantPiece {
    std::uint32_t ref;
    std::uint16_t offset;
    std::uint16_t length;
    void* memory;
};
enum class CopyTo : std::uint8_t { memory, grant };

class GrantDevice {
public:
    GrantDevice(OwnedFd fd, std::uint16_t domid) : fd_{std::move(fd)}, domid_{domid} {}

    // Contiguous, to read and write.
    Result<MappedGrants> map(std::span<std::uint32_t const> refs);
    // In one call for all; the error names the first that failed.
    Result<> copy(CopyTo direction, std::span<GrantPiece const> pieces);

    static std::array<unsigned long, 3> requests();  // the ioctls that these are

private:
    OwnedFd fd_;
    std::uint16_t domid_;
};
}  // namespace paravane

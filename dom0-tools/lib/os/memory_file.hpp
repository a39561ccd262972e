// SPDX-License-Identifier: MIT
// Memory that another process fills, and that nobody changes once it is sealed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
// Mapped for reading for as long as it lives.
class SealedMemory {
public:
    SealedMemory() = default;
    SealedMemory(SealedMemory&& other) noexcept
        : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    SealedMemory& operator=(SealedMemory&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~SealedMemory();

    std::span<std::byte const> bytes() const { return {data_, size_}; }

private:
    friend class MemoryFile;
    SealedMemory(std::byte const* data, std::size_t size) : data_{data}, size_{size} {}

    std::byte const* data_ = nullptr;
    std::size_t size_ = 0;
};

class MemoryFile {
public:
    static Result<MemoryFile> make(char const* name);

    int fd() const { return fd_.get(); }
    // An error if it is larger than that, or somebody still has it mapped for writing.
    Result<SealedMemory> seal(std::uint64_t most_bytes) &&;

private:
    explicit MemoryFile(OwnedFd fd) : fd_{std::move(fd)} {}

    OwnedFd fd_;
};
}  // namespace paravane

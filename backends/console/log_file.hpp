// SPDX-License-Identifier: MIT
// A file by offset, as far as the disk and others let it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "os/owned_fd.hpp"

namespace paravane::console {
class LogFile {
public:
    explicit LogFile(OwnedFd fd) : fd_{std::move(fd)} {}

    std::uint64_t size() const;
    std::size_t write(std::string_view text, std::uint64_t offset) const;  // how much was taken
    std::size_t read(std::span<char> into, std::uint64_t offset) const;
    void cut(std::uint64_t size) const;

private:
    OwnedFd fd_;
};
}  // namespace paravane::console

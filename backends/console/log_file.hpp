// SPDX-License-Identifier: MIT
// A guest's console in a file of bounded size: when full it becomes FILE.1, replacing the one before, and starts anew.
#pragma once
#include "os/error.hpp"
#include "os/owned_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace paravane {
class LogFile {
public:
    static constexpr std::uint64_t limit = std::uint64_t{4} << 20;

    static Result<LogFile> open(std::string path);

    // A full disk ends the log, not the console.
    void append(std::string_view text);

private:
    LogFile(std::string path, OwnedFd fd, std::uint64_t size)
        : path_{std::move(path)}, fd_{std::move(fd)}, size_{size} {}

    std::string path_;
    OwnedFd fd_;
    std::uint64_t size_;
};
}  // namespace paravane

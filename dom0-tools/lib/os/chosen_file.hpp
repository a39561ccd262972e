// SPDX-License-Identifier: MIT
// Files whose names others chose, with no more effect than reading them has. A name is looked up below one of the
// allowed folders and stays there, whatever links and ".." say; nothing but a regular file is ever opened, so that no
// device, FIFO or file of the kernel's learns of it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
struct ChosenFile {
    OwnedFd fd;  // for reading
    std::uint64_t size = 0;
};

class AllowedFolders {
public:
    explicit AllowedFolders(std::vector<std::string> folders) : folders_{std::move(folders)} {}

    // With the caller's own rights. The errors name no path: who asks knows it.
    Result<ChosenFile> open(std::string const& path, std::uint64_t most_bytes) const;
    // The file, looked at and not opened (O_PATH).
    Result<OwnedFd> find(std::string const& path) const;

private:
    std::vector<std::string> folders_;
};

// Disks of guests: regular files below allowed folders, and block devices whose names fit a pattern, "/dev/guests/*".
// Nothing else is ever opened. In /dev the names are the host's own: they may be links that lead where they like.
class AllowedDisks {
public:
    AllowedDisks(std::vector<std::string> folders, std::vector<std::string> devices)
        : folders_{std::move(folders)}, devices_{std::move(devices)} {}

    enum class Access : std::uint8_t { read, read_and_write };
    Result<OwnedFd> open(std::string const& path, Access access) const;
    Result<OwnedFd> find(std::string const& path) const;  // O_PATH

private:
    AllowedFolders folders_;
    std::vector<std::string> devices_;
};
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "console/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "os/io.hpp"

namespace paravane {
Result<LogFile> LogFile::open(std::string path) {
    OwnedFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) return Error::from_errno("open the log " + path);
    struct stat status {};
    if (fstat(fd.get(), &status) < 0) return Error::from_errno("look at the log " + path);
    return LogFile{std::move(path), std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

void LogFile::append(std::string_view text) {
    if (!fd_) return;
    if (size_ + text.size() > limit) {
        // Who has become another user may not rename: the old half is lost then.
        if (std::rename(path_.c_str(), (path_ + ".1").c_str()) == 0)
            fd_ =
                OwnedFd{::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)};
        else if (ftruncate(fd_.get(), 0) < 0) fd_ = OwnedFd{};
        size_ = 0;
        if (!fd_) return;
    }
    if (write_all(fd_.get(), text)) size_ += text.size();
    else fd_ = OwnedFd{};
}
}  // namespace paravane

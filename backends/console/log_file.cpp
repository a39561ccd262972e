// SPDX-License-Identifier: MIT
#include "console/log_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace paravane::console {
namespace {
// `move` moves some of what is left, as the system calls do it.
template <class Move>
std::size_t as_much_as_goes(std::size_t size, Move move) {
    std::size_t done = 0;
    while (done < size) {
        ssize_t const count = move(done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}
}  // namespace

std::uint64_t LogFile::size() const {
    struct stat status {};
    return fstat(fd_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::size_t LogFile::write(std::string_view text, std::uint64_t offset) const {
    return as_much_as_goes(text.size(), [&](std::size_t done) {
        return pwrite(fd_.get(), text.data() + done, text.size() - done, static_cast<off_t>(offset + done));
    });
}

std::size_t LogFile::read(std::span<char> into, std::uint64_t offset) const {
    return as_much_as_goes(into.size(), [&](std::size_t done) {
        return pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    });
}

// It fails for what is no file only.
void LogFile::cut(std::uint64_t size) const { (void)!ftruncate(fd_.get(), static_cast<off_t>(size)); }
}  // namespace paravane::console

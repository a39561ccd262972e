// SPDX-License-Identifier: MIT
#include "os/memory_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace paravane {
SealedMemory::~SealedMemory() {
    if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

Result<MemoryFile> MemoryFile::make(char const* name) {
    OwnedFd fd{memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!fd) return Error::from_errno("make a file in memory");
    return MemoryFile{std::move(fd)};
}

Result<SealedMemory> MemoryFile::seal(std::uint64_t most_bytes) && {
    constexpr char step[] = "seal a file in memory";
    if (fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return Error::from_errno(step);
    struct stat status {};
    if (fstat(fd_.get(), &status) < 0) return Error::from_errno(step);
    auto const size = static_cast<std::uint64_t>(status.st_size);
    if (size > most_bytes) return Error{step, "it is larger than it may be"};
    if (size == 0) return SealedMemory{};
    void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_.get(), 0);
    if (data == MAP_FAILED) return Error::from_errno(step);
    return SealedMemory{static_cast<std::byte const*>(data), size};
}
}  // namespace paravane

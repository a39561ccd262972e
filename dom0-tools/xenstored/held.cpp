// SPDX-License-Identifier: MIT
#include "held.hpp"

#include "journal.hpp"

namespace paravane::xenstored {
namespace {
constexpr std::size_t half = std::size_t{2} * 1024 * 1024 * 1024;
constexpr std::size_t whole = Journal::header_size + 2 * half;
}  // namespace

Result<OwnedFd> JournalMemory::make() {
    OwnedFd memory{memfd_create("xenstore journal", MFD_CLOEXEC)};
    if (!memory || ftruncate(memory.get(), whole) < 0) return Error::from_errno("make memory for the journal");
    return memory;
}

Result<JournalMemory> JournalMemory::map(OwnedFd const& memory) {
    void* at = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory.get(), 0);
    if (at == MAP_FAILED) return Error::from_errno("map the journal");
    // What the kernel writes there in a system call must not need a page first.
    if (mlock(at, Journal::header_size) < 0) return Error::from_errno("lock the journal's first pages");
    return JournalMemory{{static_cast<std::byte*>(at), whole}};
}

void JournalMemory::forget(std::span<std::byte> bytes) { madvise(bytes.data(), bytes.size(), MADV_REMOVE); }
}  // namespace paravane::xenstored

// SPDX-License-Identifier: MIT
// Memory that a backend shares with those who come after it: a file without a disk below it, which the supervisor
// keeps. New memory is zero.
#pragma once
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdint>
#include <type_traits>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane::host {
// `format` tells what stands in it: another version of the program does not take it for its own.
template <class Contents, std::uint64_t format>
requires std::is_trivially_copyable_v<Contents>
class JournalMemory {
    struct Whole {
        std::uint64_t tag;
        std::uint64_t pad[7];
        Contents contents;
    };

public:
    static Result<JournalMemory> map(OwnedFd const& file) {
        struct stat status {};
        if (fstat(file.get(), &status) < 0) return Error::from_errno("look at the journal");
        if (status.st_size == 0 && ftruncate(file.get(), sizeof(Whole)) < 0)
            return Error::from_errno("make room for the journal");
        if (status.st_size != 0 && status.st_size != sizeof(Whole)) return not_ours();
        void* memory = mmap(nullptr, sizeof(Whole), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
        if (memory == MAP_FAILED) return Error::from_errno("map the journal");
        JournalMemory journal{static_cast<Whole*>(memory)};
        if (journal.whole_->tag == 0) journal.whole_->tag = format;
        if (journal.whole_->tag != format) return not_ours();
        return journal;
    }
    JournalMemory(JournalMemory&& other) noexcept : whole_{std::exchange(other.whole_, nullptr)} {}
    JournalMemory& operator=(JournalMemory&&) = delete;
    ~JournalMemory() {
        if (whole_ != nullptr) munmap(whole_, sizeof(Whole));
    }

    Contents& operator*() const { return whole_->contents; }

private:
    explicit JournalMemory(Whole* whole) : whole_{whole} {}
    static Error not_ours() {
        return {"", "the journal is of another version of this program", ErrorKind::precondition};
    }

    Whole* whole_;
};
}  // namespace paravane::host

// SPDX-License-Identifier: MIT
// Where a disk's bytes are. Everything that is asked of it is answered later, in any order.
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <span>

#include "block/plan.hpp"
#include "os/error.hpp"

namespace paravane::block {
// Belongs to whoever submits it, and stays where it is until it is done. The storage changes it as it goes: it is what
// is left to do.
struct Transfer {
    Action action{};
    std::uint64_t offset = 0, length = 0;
    std::span<iovec> memory;  // of a read or write: `length` bytes. The storage may change it
};

struct Done {
    Transfer* transfer;
    bool okay;  // false: nothing is known of what it has done
};

class Storage {
public:
    virtual ~Storage() = default;

    virtual Result<Geometry> look() = 0;  // its size may change
    // Begins with push() at the latest.
    virtual void submit(Transfer& transfer) = 0;
    // False: not all could be begun, for want of memory; nothing tells when it can.
    virtual Result<bool> push() = 0;
    virtual std::optional<Done> next_done() = 0;
    virtual int fd() const = 0;  // readable when something is done
};
}  // namespace paravane::block

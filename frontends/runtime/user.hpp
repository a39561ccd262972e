// SPDX-License-Identifier: MIT
// User mode: an address space with a root of its own, and running code in it until it traps.
#pragma once
#include "runtime/trap.hpp"

namespace guest {
// A second root with nothing of the kernel in it. Tables are allocated as needed and validated by the hypervisor when
// the root is pinned.
class UserSpace {
public:
    UserSpace();
    ~UserSpace();
    UserSpace(UserSpace const&) = delete;
    UserSpace& operator=(UserSpace const&) = delete;

    Mfn root() const { return root_; }
    bool map(u64 address, Mfn frame, u64 flags);  // present and user are added
    bool unmap(u64 address);

    // Loads the root as this vCPU's user root.
    bool activate();

    // The frame goes out, and comes back as it was when user code entered the kernel: by exception or system call
    // (trap::syscall). The space must be active.
    void run(TrapFrame& frame);

private:
    Mfn root_;
};

// A frame that enters 64-bit user code.
TrapFrame user_frame(u64 rip, u64 rsp);

// Called on each entry from user mode; does not return if UserSpace::run is waiting for it.
void user_trapped(TrapFrame const& frame);
}  // namespace guest

// SPDX-License-Identifier: MIT
#include "runtime/shutdown.hpp"

#include "runtime/console.hpp"

extern "C" char image_start[], image_end[];

namespace guest {
namespace {
// Frame pointers are kept in every function; start.S ends their chain with a zero.
void print_backtrace() {
    u64 const* frame = static_cast<u64 const*>(__builtin_frame_address(0));
    auto in_image = [](u64 address) { return address >= address_of(image_start) && address < address_of(image_end); };
    for (int depth = 0; depth < 16 && in_image(address_of(frame)); ++depth) {
        print("  called from {:x}\n", frame[1]);
        frame = reinterpret_cast<u64 const*>(frame[0]);
    }
}
}  // namespace

void shutdown(abi::ShutdownReason reason) {
    console::flush();
    abi::SchedShutdown op{.reason = static_cast<u32>(reason)};
    for (;;) { (void)sched_op(abi::schedop::shutdown, &op); }
}

void panic(std::string_view what) {
    print("guest panic: {}\n", what);
    print_backtrace();
    shutdown(abi::ShutdownReason::crash);
}
}  // namespace guest

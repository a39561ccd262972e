// SPDX-License-Identifier: MIT
// Prints its command line and ends: the smallest guest, for every test that needs one to come and go.
// exit=poweroff (the default), exit=reboot, exit=crash, or exit=wait: blocked until control/shutdown says how to end.
#include "runtime/guest.hpp"
#include "runtime/xenstore.hpp"

namespace {
[[noreturn]] void block_forever() {
    for (;;) { (void)guest::sched_op(abi::schedop::block); }
}

[[noreturn]] void wait_for_shutdown() {
    if (!guest::xenstore::available()) { block_forever(); }
    for (;;) {
        guest::xenstore::Value request = guest::xenstore::wait_for_change("control/shutdown");
        if (!request.text().empty()) {
            (void)guest::xenstore::write("control/shutdown", "");  // the acknowledgement the toolstack waits for
            guest::shutdown(request.text() == "reboot" ? abi::ShutdownReason::reboot : abi::ShutdownReason::poweroff);
        }
    }
}
}  // namespace

void guest::main() {
    console::write(command_line());
    console::write("\n");
    std::string_view exit = option("exit");
    if (exit == "reboot") { shutdown(abi::ShutdownReason::reboot); }
    if (exit == "crash") { shutdown(abi::ShutdownReason::crash); }
    if (exit == "wait") { wait_for_shutdown(); }
}

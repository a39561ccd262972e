// SPDX-License-Identifier: MIT
// The console's UART: a 16550A or one of its descendants. Both ways by interrupt; before there are any, and when the
// machine ends, output polls.
#pragma once
#include "portable/base/types.hpp"
#include "x86/boot/cmdline.hpp"

namespace hv::serial {
void init(boot::SerialPort const& port);  // nothing is written before; a port without a UART stays silent
void use_interrupts();                    // once the IO-APICs are known
bool serve();                             // the port's interrupt; true if anything has arrived for hal::console_read
void finish();  // for panics and the machine's end, when no other CPU runs: what waits is written, and all that follows
}  // namespace hv::serial

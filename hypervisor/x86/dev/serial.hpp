// SPDX-License-Identifier: MIT
// The console's UART: an 8250 or one of its descendants. Output polls, input comes by interrupt.
#pragma once
#include <string_view>
#include "base/types.hpp"
#include "x86/boot/cmdline.hpp"

namespace hv::serial {
void init(boot::SerialPort const& port);  // nothing is written before; a port without a UART stays silent
void write(std::string_view text);
void start_input();  // once the IO-APICs are known: routes the port's interrupt
bool receive();      // takes what has arrived for hal::console_read; true if anything did
}  // namespace hv::serial

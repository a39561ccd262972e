// SPDX-License-Identifier: MIT
// The guest beside an attacker: works with memory, page tables, time and events of its own, and tells at the end
// whether all of it stayed as it should. Asked to end by an event on its store port.
#pragma once

namespace witness {
void run();
}  // namespace witness

// SPDX-License-Identifier: MIT
// Debug keys: questions to the hypervisor whose answers go into the log. Letters are Xen's where it has the same.
#pragma once

namespace hv::control {
void press_debug_key(char key);  // 'h' lists them; one that means nothing is ignored
}  // namespace hv::control

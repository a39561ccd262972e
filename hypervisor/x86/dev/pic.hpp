// SPDX-License-Identifier: MIT
// The old interrupt controllers, which only have to be quiet.
#pragma once

namespace hv::pic {

void turn_off();

}  // namespace hv::pic

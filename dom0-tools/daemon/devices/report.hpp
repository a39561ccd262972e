// SPDX-License-Identifier: MIT
// How the devices of a domain are, for whoever asks.
#pragma once
#include <string>
#include <vector>

#include "daemon/devices/devices.hpp"
#include "daemon/devices/ends.hpp"

namespace paravane {
enum class DeviceState : std::uint8_t { unknown, stopped, starting, waiting, connected, closing, failed };

struct DeviceReport {
    std::string id;
    DeviceState state = DeviceState::unknown;
    std::string message = "";
    int pid = 0;
    std::uint32_t restarts = 0;
};

// `process`: null: the supervisor has none. `ends`: of a device that negotiates; null: not known.
DeviceReport report_device(Device const& device, supervisor::DeviceStatus const* process, SeenEnds const* ends,
                           bool leaves);
}  // namespace paravane

// SPDX-License-Identifier: MIT
#include "daemon/devices/report.hpp"

namespace paravane {
namespace {
DeviceState state_of(Device const& device, SeenEnds const* ends, bool leaves) {
    using hv::xenbus::State;
    if (leaves) return DeviceState::closing;
    if (device.ends == nullptr) return DeviceState::connected;
    if (ends == nullptr) return DeviceState::unknown;
    if (ends->state == State::connected) return DeviceState::connected;
    return ends->state == State::closing ? DeviceState::closing : DeviceState::waiting;
}
}  // namespace

DeviceReport report_device(Device const& device, supervisor::DeviceStatus const* process, SeenEnds const* ends,
                           bool leaves) {
    DeviceReport report{.id = device.id, .state = DeviceState::starting};
    if (process == nullptr) return report;
    report.pid = process->pid;
    report.restarts = process->restarts;
    switch (process->state) {
        case supervisor::State::gone:
        case supervisor::State::starting: break;
        case supervisor::State::running: report.state = state_of(device, ends, leaves); break;
        case supervisor::State::stopping: report.state = DeviceState::closing; break;
        case supervisor::State::waiting:
            report.state = DeviceState::failed;
            report.message = "its backend has ended and is started again: " + process->reason;
            break;
    }
    return report;
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The devices of guests, one way for all kinds: the supervisor starts their backends, and keeps them alive when we are
// not.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/devices/device.hpp"
#include "os/error.hpp"

namespace paravane {
struct DeviceSettings {
    std::string supervisor;  // its socket
    std::string run_folder;  // for sockets
    std::string log_folder;  // empty: no logs
    // What the supervisor takes for disks: here it is asked for in advance only.
    std::vector<std::string> disk_folders = {}, disk_devices = {};
};

class Devices {
public:
    explicit Devices(DeviceSettings settings) : settings_{std::move(settings)} {}

    // Of the recorded guest, the console first.
    std::vector<Device> of(Record const& record) const;
    std::optional<Device> find(Record const& record, std::string_view id) const;
    // Whether what it is served from is there, and may be used. It may be otherwise when it is started.
    Result<> check(DeviceSpec const& spec) const;

    enum class Way : std::uint8_t { as_it_is, anew };
    // Returns when the device is being served, which it may be already. `anew`: of one that runs, by another process,
    // since the way of the first to its nodes may have ended with a store that was there before.
    Result<> start(Device const& device, Way way) const;
    // Returns when its backend has ended.
    Result<> stop(Device const& device) const;
    // Those of a guest that is no more. The supervisor would see that by itself, but later. Nobody waits for it: a
    // guest that is not gone before its pages are let go is waited for, and by then its log is complete.
    void forget(Record const& record) const;
    Result<std::vector<supervisor::DeviceStatus>> list() const;

    std::string socket_path(std::uint16_t domid) const;   // of the console
    std::string log_path(std::string const& name) const;  // likewise; empty: none

private:
    DeviceSettings settings_;
};
}  // namespace paravane

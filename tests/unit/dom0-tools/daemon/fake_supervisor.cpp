// SPDX-License-Identifier: MIT
#include "fake_supervisor.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

namespace test {
FakeSupervisor& FakeSupervisor::the() {
    static FakeSupervisor supervisor;
    return supervisor;
}

void FakeSupervisor::reset() {
    std::scoped_lock lock{mutex};
    devices.clear();
    refuses_disks = false;
    restarts = 0;
}
}  // namespace test

namespace paravane::supervisor {
namespace {
using test::FakeSupervisor;

constexpr std::string_view waits = "waits:";
thread_local std::string manner;

std::string name_of(Device const& device) {
    return device.kind + "-" + std::to_string(device.domid) + "-" + std::to_string(device.index);
}
}  // namespace

Result<Client> Client::connect(std::string const& path) {
    manner = path;
    if (path != "serves" && path != "refuses" && !path.starts_with(waits))
        return Error{"talk to the supervisor", "nobody is there", ErrorKind::unavailable};
    return Client{OwnedFd{}};
}

Result<> Client::start(DeviceSpec const& spec, std::chrono::milliseconds) {
    FakeSupervisor& the = FakeSupervisor::the();
    if (manner == "refuses") return Error{"", "it ended without a reason"};
    while (manner.starts_with(waits) && std::filesystem::exists(manner.substr(waits.size())))
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    std::scoped_lock lock{the.mutex};
    if (spec.device.kind == "block") {
        if (the.refuses_disks) return Error{"", "it ended without a reason"};
        for (auto const& [name, other] : the.devices) {
            bool const same_image = other.device.kind == "block" && other.arguments.at(1) == spec.arguments.at(1);
            if (same_image && other.device != spec.device) return Error{"", "lock the image: somebody else uses it"};
        }
    }
    the.devices.insert_or_assign(name_of(spec.device), spec);
    return {};
}

Result<> Client::stop(Device const& device, std::chrono::milliseconds) { return tell_to_stop(device); }

Result<> Client::tell_to_stop(Device const& device) {
    FakeSupervisor& the = FakeSupervisor::the();
    std::scoped_lock lock{the.mutex};
    the.devices.erase(name_of(device));
    return {};
}

Result<> Client::restart(Device const& device, std::chrono::milliseconds) {
    FakeSupervisor& the = FakeSupervisor::the();
    std::scoped_lock lock{the.mutex};
    if (!the.devices.contains(name_of(device))) return Error{"", "there is no such device"};
    ++the.restarts;
    return {};
}

Result<std::vector<DeviceStatus>> Client::list(std::chrono::milliseconds) {
    FakeSupervisor& the = FakeSupervisor::the();
    std::scoped_lock lock{the.mutex};
    std::vector<DeviceStatus> all;
    for (auto const& [name, spec] : the.devices)
        all.push_back({.device = spec.device, .state = State::running, .pid = 7, .restarts = 2, .reason = ""});
    return all;
}
}  // namespace paravane::supervisor

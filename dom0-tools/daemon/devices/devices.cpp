// SPDX-License-Identifier: MIT
#include "daemon/devices/devices.hpp"

#include <algorithm>

#include "os/chosen_file.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;
using supervisor::Client;

constexpr auto start_limit = 60s, stop_limit = 60s, list_limit = 5s;

std::string words_for(Device const& device) {
    return device.id == console_id ? "the console backend" : "the backend of device " + device.id;
}
}  // namespace

std::string Devices::socket_path(std::uint16_t domid) const {
    return settings_.run_folder + "/console-" + std::to_string(domid) + ".sock";
}

std::string Devices::log_path(std::string const& name) const {
    return settings_.log_folder.empty() ? "" : settings_.log_folder + "/" + name + ".log";
}

std::vector<Device> Devices::of(Record const& record) const {
    std::vector<Device> all{console_device(record, settings_.log_folder.empty() ? "" : record.spec.name)};
    for (DeviceSpec const& spec : record.spec.devices)
        all.push_back(block_device(record, spec.id, std::get<BlockSpec>(spec.kind)));
    return all;
}

std::optional<Device> Devices::find(Record const& record, std::string_view id) const {
    std::vector<Device> all = of(record);
    auto const found = std::ranges::find(all, id, &Device::id);
    return found == all.end() ? std::nullopt : std::optional{std::move(*found)};
}

Result<> Devices::check(DeviceSpec const& spec) const {
    BlockSpec const& disk = std::get<BlockSpec>(spec.kind);
    AllowedDisks const disks{settings_.disk_folders, settings_.disk_devices};
    Result<OwnedFd> found = disks.find(disk.path);
    if (found) return {};
    return std::move(found).error().within("disk " + disk.path).with("reason", "FILE_UNUSABLE").with("file", disk.path);
}

Result<> Devices::start(Device const& device, Way way) const {
    auto started = [&]() -> Result<> {
        Client client = TRY(Client::connect(settings_.supervisor));
        // One that is not there is no error.
        if (way == Way::anew) (void)static_cast<bool>(client.restart(device.backend.device, start_limit));
        return client.start(device.backend, start_limit);
    }();
    if (!started) return std::move(started).error().within("start " + words_for(device));
    return started;
}

Result<> Devices::stop(Device const& device) const {
    auto stopped = [&]() -> Result<> {
        Client client = TRY(Client::connect(settings_.supervisor));
        return client.stop(device.backend.device, stop_limit);
    }();
    if (!stopped) return std::move(stopped).error().within("stop " + words_for(device));
    return stopped;
}

void Devices::forget(Record const& record) const {
    Result<Client> client = Client::connect(settings_.supervisor);
    if (!client) return;
    for (Device const& device : of(record)) (void)static_cast<bool>(client->tell_to_stop(device.backend.device));
}

Result<std::vector<supervisor::DeviceStatus>> Devices::list() const {
    Client client = TRY(Client::connect(settings_.supervisor));
    return client.list(list_limit);
}
}  // namespace paravane

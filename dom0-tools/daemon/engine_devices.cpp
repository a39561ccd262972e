// SPDX-License-Identifier: MIT
// What the strand of a domain does about its devices: what it knows of them, the steps, and what it tells of them.
#include <algorithm>

#include "daemon/devices/ends.hpp"
#include "daemon/entry.hpp"

namespace paravane {
std::vector<SeenDevice> Engine::look_at_devices(Entry& entry, Record const& record) {
    std::vector<SeenDevice> seen;
    bool const has_some =
        record.phase == Phase::ready || record.phase == Phase::started || record.phase == Phase::leaving;
    if (!has_some) return seen;
    bool const is_ours = record.guest.id != 0 && record.boot == settings_.boot;
    for (Device const& device : devices_.of(record)) {
        SeenDevice& known = entry.devices[device.id];
        known.id = device.id;
        known.negotiates = device.ends != nullptr;
        if (!is_ours) known = {.id = device.id, .backend = Sight::missing, .ends = Ends::missing};
        seen.push_back(known);
    }
    return seen;
}

// Those of which nothing is known, and those that guests were asked for. Without its guest's nodes there are none.
Result<> Engine::look_at_ends_of(Entry& entry, Record const& record, XenstoreClient& store) {
    for (Device const& device : devices_.of(record)) {
        SeenDevice& known = entry.devices[device.id];
        bool const must_look = known.ends == Ends::unknown || (known.asked && !known.let_go);
        if (device.ends == nullptr || !must_look) continue;
        SeenEnds const seen = entry.nodes == Sight::missing ? SeenEnds{} : TRY(look_at_ends(store, device));
        known.ends = seen.ends;
        known.asked = seen.asked;
        known.let_go = seen.let_go;
    }
    return {};
}

Result<> Engine::take_of_device(EntryRef const& entry, Record const& record, Step const& step) {
    std::optional<Device> const device = devices_.find(record, step.device);
    if (!device) return {};
    SeenDevice& known = entry->devices[step.device];
    auto const in_store = [&](auto const& work) {
        return store_.with_client([&](XenstoreClient& store) -> Result<> { return work(store); });
    };
    switch (step.kind) {
        case StepKind::offer_device:
            TRY(in_store([&](XenstoreClient& store) { return offer_device(store, *device); }));
            known.ends = Ends::offered;
            known.backend = Sight::missing;
            return {};
        case StepKind::start_device: return start_device(entry, record, *device);
        case StepKind::publish_device:
            TRY(in_store([&](XenstoreClient& store) { return publish_device(store, *device); }));
            known.ends = Ends::published;
            known.asked = known.let_go = false;
            return {};
        case StepKind::ask_device:
        case StepKind::keep_device: {
            bool const asks = step.kind == StepKind::ask_device;
            TRY(in_store([&](XenstoreClient& store) { return set_online(store, *device, !asks); }));
            known.asked = asks;
            known.let_go = false;
            return {};
        }
        case StepKind::wait_device:
            return in_store([&](XenstoreClient& store) { return look_at_ends_of(*entry, record, store); });
        case StepKind::stop_device:
            TRY(devices_.stop(*device));
            known.backend = Sight::missing;
            return {};
        case StepKind::withdraw_device:
            TRY(in_store([&](XenstoreClient& store) { return withdraw_device(store, *device); }));
            known.ends = Ends::missing;
            return {};
        default: return {};
    }
}

Result<> Engine::start_device(EntryRef const& entry, Record const& record, Device const& device) {
    SeenDevice& known = entry->devices[device.id];
    Result<> started =
        devices_.start(device, known.ends == Ends::offered ? Devices::Way::anew : Devices::Way::as_it_is);
    if (!started) return name_holder(std::move(started).error(), record, device);
    known.backend = Sight::present;
    std::scoped_lock lock{entry->mutex};
    if (entry->device_failures.erase(device.id) != 0) publish(*entry);
    return {};
}

// An image has one writer, which the backend finds out by its lock. Who that is only we know.
Error Engine::name_holder(Error error, Record const& record, Device const& device) const {
    DeviceSpec const* ours = find_device(record.spec, device.id);
    auto const uses_it = [&](DeviceSpec const& other) {
        BlockSpec const& one = std::get<BlockSpec>(other.kind);
        return one.path == device.image && !(one.read_only && std::get<BlockSpec>(ours->kind).read_only);
    };
    if (ours == nullptr) return error;
    for (auto const& view : views_.state().objects) {
        Record const& other = view->record;
        bool const has_it = view->managed && other.uid != record.uid && other.has_guest() &&
                            std::ranges::any_of(other.spec.devices, uses_it);
        if (!has_it) continue;
        error.reason += "; domain " + other.spec.name + " has " + device.image;
        return std::move(error).as(ErrorKind::precondition).with("reason", "FILE_UNUSABLE").with("owner", other.uid);
    }
    return error;
}

std::vector<DeviceReport> Engine::report_devices(DomainView const& view) {
    Record const& record = view.record;
    std::vector<DeviceReport> reports;
    if (!view.managed) return reports;
    std::vector<Device> const devices = devices_.of(record);
    bool const has_guest = record.phase == Phase::ready || record.phase == Phase::started;
    if (!has_guest) {
        for (Device const& device : devices) reports.push_back({.id = device.id, .state = DeviceState::stopped});
        return reports;
    }
    Result<std::vector<supervisor::DeviceStatus>> const processes = devices_.list();
    std::map<std::string, SeenEnds> ends;
    auto const look = [&](XenstoreClient& store) -> Result<> {
        for (Device const& device : devices)
            if (device.ends != nullptr) ends[device.id] = TRY(look_at_ends(store, device));
        return {};
    };
    if (devices.size() > 1 && store_.answers()) (void)static_cast<bool>(store_.with_client(look));
    for (Device const& device : devices) {
        if (!processes) {
            reports.push_back({.id = device.id, .message = processes.error().message()});
            continue;
        }
        auto const process = std::ranges::find_if(
            *processes, [&](supervisor::DeviceStatus const& one) { return one.device == device.backend.device; });
        auto const seen = ends.find(device.id);
        DeviceReport report =
            report_device(device, process == processes->end() ? nullptr : &*process,
                          seen == ends.end() ? nullptr : &seen->second, record.leaving.contains(device.id));
        auto const failure = view.device_failures.find(device.id);
        if (failure != view.device_failures.end() && report.state == DeviceState::starting) {
            report.state = DeviceState::failed;
            report.message = failure->second;
        }
        reports.push_back(std::move(report));
    }
    return reports;
}
}  // namespace paravane

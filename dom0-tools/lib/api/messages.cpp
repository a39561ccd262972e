// SPDX-License-Identifier: MIT
#include "api/messages.hpp"

#include <algorithm>
#include <array>

namespace paravane {
namespace {
constexpr std::array actions{v1::END_ACTION_DESTROY,          v1::END_ACTION_RESTART,
                             v1::END_ACTION_PRESERVE,         v1::END_ACTION_RENAME_RESTART,
                             v1::END_ACTION_COREDUMP_DESTROY, v1::END_ACTION_COREDUMP_RESTART,
                             v1::END_ACTION_SOFT_RESET};  // in EndAction's order

Error no_value(char const* field) {
    return Error{field, "has no known value", ErrorKind::invalid}.with("field", std::string{"spec."} + field);
}

Result<> take_action(EndAction& action, char const* field, v1::EndAction message) {
    if (message == v1::END_ACTION_UNSPECIFIED) return {};
    auto found = std::ranges::find(actions, message);
    if (found == actions.end()) return no_value(field);
    action = static_cast<EndAction>(found - actions.begin());
    return {};
}

Result<> take_power(PowerState& state, v1::PowerState message) {
    switch (message) {
        case v1::POWER_STATE_UNSPECIFIED: return {};
        case v1::POWER_STATE_RUNNING: state = PowerState::running; return {};
        case v1::POWER_STATE_PAUSED: state = PowerState::paused; return {};
        case v1::POWER_STATE_STOPPED: state = PowerState::stopped; return {};
        default: return no_value("power_state");
    }
}

v1::PowerState to_message(PowerState state) {
    switch (state) {
        case PowerState::running: return v1::POWER_STATE_RUNNING;
        case PowerState::paused: return v1::POWER_STATE_PAUSED;
        case PowerState::stopped: break;
    }
    return v1::POWER_STATE_STOPPED;
}

Result<> take_back_off(BackOff& back_off, v1::BackOff const& message) {
    if (message.has_initial()) back_off.initial = TRY(from_message(message.initial(), "spec.back_off.initial"));
    if (message.has_limit()) back_off.limit = TRY(from_message(message.limit(), "spec.back_off.limit"));
    if (message.has_reset_after())
        back_off.reset_after = TRY(from_message(message.reset_after(), "spec.back_off.reset_after"));
    back_off.most_restarts = message.most_restarts();
    return {};
}
}  // namespace

v1::EndAction to_message(EndAction action) { return actions.at(static_cast<std::size_t>(action)); }

google::protobuf::Duration to_message(std::chrono::nanoseconds span) {
    google::protobuf::Duration message;
    message.set_seconds(span.count() / 1'000'000'000);
    message.set_nanos(static_cast<std::int32_t>(span.count() % 1'000'000'000));
    return message;
}

google::protobuf::Timestamp to_message(std::chrono::sys_time<std::chrono::nanoseconds> time) {
    google::protobuf::Timestamp message;
    std::int64_t count = time.time_since_epoch().count();
    message.set_seconds(count / 1'000'000'000);
    message.set_nanos(static_cast<std::int32_t>(count % 1'000'000'000));
    return message;
}

Result<std::chrono::nanoseconds> from_message(google::protobuf::Duration const& message, char const* field) {
    constexpr std::int64_t most_seconds = 86400;
    bool good = message.seconds() >= 0 && message.seconds() <= most_seconds && message.nanos() >= 0 &&
                message.nanos() < 1'000'000'000;
    if (!good) return Error{field, "is not a time from 0 to a day", ErrorKind::invalid}.with("field", field);
    return std::chrono::seconds{message.seconds()} + std::chrono::nanoseconds{message.nanos()};
}

void fill_message(v1::Metadata& metadata, v1::DomainSpec& message, DomainSpec const& spec) {
    metadata.set_name(spec.name);
    metadata.mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
    metadata.mutable_annotations()->insert(spec.annotations.begin(), spec.annotations.end());
    metadata.set_managed_by(spec.managed_by);
    metadata.set_owner(spec.owner);
    message.set_kernel(spec.kernel);
    message.set_initrd(spec.initrd);
    message.set_cmdline(spec.cmdline);
    message.set_memory(spec.memory);
    message.set_vcpus(spec.vcpus);
    message.set_power_state(to_message(spec.power_state));
    message.set_ephemeral(spec.ephemeral);
    message.set_on_poweroff(to_message(spec.on_poweroff));
    message.set_on_reboot(to_message(spec.on_reboot));
    message.set_on_crash(to_message(spec.on_crash));
    message.set_on_watchdog(to_message(spec.on_watchdog));
    v1::BackOff& back_off = *message.mutable_back_off();
    *back_off.mutable_initial() = to_message(spec.back_off.initial);
    *back_off.mutable_limit() = to_message(spec.back_off.limit);
    *back_off.mutable_reset_after() = to_message(spec.back_off.reset_after);
    back_off.set_most_restarts(spec.back_off.most_restarts);
    for (DeviceSpec const& device : spec.devices) *message.add_devices() = to_message(device);
}

Result<DomainSpec> from_message(v1::Metadata const& metadata, v1::DomainSpec const& message) {
    DomainSpec spec;
    spec.name = metadata.name();
    for (auto const& [key, value] : metadata.labels()) spec.labels.emplace(key, value);
    for (auto const& [key, value] : metadata.annotations()) spec.annotations.emplace(key, value);
    spec.managed_by = metadata.managed_by();
    spec.owner = metadata.owner();
    spec.kernel = message.kernel();
    spec.initrd = message.initrd();
    spec.cmdline = message.cmdline();
    spec.memory = message.memory();
    if (message.vcpus() != 0) spec.vcpus = message.vcpus();
    spec.ephemeral = message.ephemeral();
    TRY(take_power(spec.power_state, message.power_state()));
    TRY(take_action(spec.on_poweroff, "on_poweroff", message.on_poweroff()));
    TRY(take_action(spec.on_reboot, "on_reboot", message.on_reboot()));
    TRY(take_action(spec.on_crash, "on_crash", message.on_crash()));
    TRY(take_action(spec.on_watchdog, "on_watchdog", message.on_watchdog()));
    TRY(take_back_off(spec.back_off, message.back_off()));
    for (int i = 0; i < message.devices_size(); ++i) {
        v1::DeviceSpec const& device = message.devices(i);
        if (device.kind_case() == v1::DeviceSpec::kConsole && device.id() == console_id) continue;
        std::string const field = "devices[" + std::to_string(i) + "]";
        Result<DeviceSpec> taken = from_message(device, field);
        if (!taken) return std::move(taken).error().with("field", "spec." + taken.error().step);
        spec.devices.push_back(*std::move(taken));
    }
    return spec;
}

Result<DeviceSpec> from_message(v1::DeviceSpec const& message, std::string const& field) {
    switch (message.kind_case()) {
        case v1::DeviceSpec::kBlock: {
            v1::BlockSpec const& block = message.block();
            return DeviceSpec{message.id(), BlockSpec{.path = block.path(),
                                                      .format = block.format(),
                                                      .target = block.target(),
                                                      .sector = block.sector(),
                                                      .read_only = block.read_only()}};
        }
        case v1::DeviceSpec::kConsole:
            return Error{field, "is a console, of which a domain has one, \"console\"", ErrorKind::invalid}.with(
                "field", field);
        case v1::DeviceSpec::kInterface:
            return Error{field + ".interface", "this host has no network interfaces", ErrorKind::unsupported}.with(
                "reason", "FEATURE_ABSENT");
        default: return Error{field, "is of no kind", ErrorKind::invalid}.with("field", field);
    }
}

v1::DeviceSpec to_message(DeviceSpec const& device) {
    v1::DeviceSpec message;
    message.set_id(device.id);
    BlockSpec const& disk = std::get<BlockSpec>(device.kind);
    v1::BlockSpec& block = *message.mutable_block();
    block.set_path(disk.path);
    block.set_format(disk.format);
    block.set_target(disk.target);
    block.set_sector(disk.sector);
    block.set_read_only(disk.read_only);
    return message;
}

std::string value_name(google::protobuf::EnumValueDescriptor const& value) {
    // All values begin with the name of their type: END_ACTION_… of EndAction.
    std::size_t prefix = 0;
    for (char c : value.type()->name()) prefix += c >= 'A' && c <= 'Z' ? 2 : 1;
    std::string name = value.name().substr(std::min(prefix, value.name().size()));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return name;
}
}  // namespace paravane

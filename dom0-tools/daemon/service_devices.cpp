// SPDX-License-Identifier: MIT
#include "daemon/service_devices.hpp"

#include <algorithm>

#include "domain/utf8.hpp"

namespace paravane {
namespace {
v1::DeviceState to_message(DeviceState state) {
    switch (state) {
        case DeviceState::unknown: return v1::DEVICE_STATE_UNSPECIFIED;
        case DeviceState::stopped: return v1::DEVICE_STATE_STOPPED;
        case DeviceState::starting: return v1::DEVICE_STATE_STARTING;
        case DeviceState::waiting: return v1::DEVICE_STATE_WAITING;
        case DeviceState::connected: return v1::DEVICE_STATE_CONNECTED;
        case DeviceState::closing: return v1::DEVICE_STATE_CLOSING;
        case DeviceState::failed: break;
    }
    return v1::DEVICE_STATE_FAILED;
}

// Without its status, which takes asking others. None: it has no such device.
std::optional<v1::Device> device_of(DomainView const& view, std::string const& id) {
    v1::Device device;
    device.set_domain_uid(view.record.uid);
    device.set_domain_name(view.record.spec.name);
    DeviceSpec const* spec = find_device(view.record.spec, id);
    if (!view.managed || (spec == nullptr && id != console_id)) return std::nullopt;
    if (spec != nullptr) {
        *device.mutable_spec() = to_message(*spec);
    } else {
        device.mutable_spec()->set_id(id);
        device.mutable_spec()->mutable_console();
    }
    return device;
}

v1::Device to_message(DomainView const& view, DeviceReport const& report) {
    v1::Device device = device_of(view, report.id).value_or(v1::Device{});
    v1::DeviceStatus& status = *device.mutable_status();
    status.set_id(report.id);
    status.set_state(to_message(report.state));
    status.set_message(make_printable(report.message));
    status.set_backend_pid(static_cast<std::uint32_t>(std::max(report.pid, 0)));
    status.set_backend_restarts(report.restarts);
    return device;
}
}  // namespace

DevicesService::Unary* DevicesService::GetDevice(Context* context, v1::GetDeviceRequest const* request,
                                                 v1::Device* response) {
    std::string const label = "get device of " + shown(selector_of(*request).words());
    std::shared_ptr<DomainView const> view;
    auto find = [&]() -> Result<> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        view = TRY(edge_.engine.find(selector_of(*request)));
        if (device_of(*view, request->device_id())) return {};
        return Error{"", "it has no such device", ErrorKind::not_found}.with("reason", "NO_SUCH_DEVICE");
    };
    Result<> const found = find();
    if (!found) return answer(context, found, label, [] {});
    Unary* reactor = context->DefaultReactor();
    edge_.engine.on_store_thread([this, reactor, response, view, id = request->device_id()] {
        for (DeviceReport const& report : edge_.engine.report_devices(*view))
            if (report.id == id) *response = to_message(*view, report);
        reactor->Finish(grpc::Status::OK);
    });
    return reactor;
}

// Another tool's devices are not ours.
DevicesService::Unary* DevicesService::ListDevices(Context* context, v1::ListDevicesRequest const* request,
                                                   v1::ListDevicesResponse* response) {
    std::string const label = "list devices of " + shown(selector_of(*request).words());
    std::shared_ptr<DomainView const> view;
    auto find = [&]() -> Result<> {
        TRY(check_call(edge_, *context, Role::viewer, *request));
        view = TRY(edge_.engine.find(selector_of(*request)));
        return {};
    };
    Result<> const found = find();
    if (!found) return answer(context, found, label, [] {});
    Unary* reactor = context->DefaultReactor();
    edge_.engine.on_store_thread([this, reactor, response, view] {
        std::vector<DeviceReport> reports = edge_.engine.report_devices(*view);
        std::ranges::sort(reports, {}, &DeviceReport::id);
        for (DeviceReport const& report : reports) *response->add_devices() = to_message(*view, report);
        response->set_revision(revision_text(view->revision));
        reactor->Finish(grpc::Status::OK);
    });
    return reactor;
}

DevicesService::Unary* DevicesService::grant(Context* context, Wish wish, std::string const& label,
                                             std::chrono::nanoseconds wait, Caller const& caller,
                                             v1::DeviceOperation* response) {
    std::string const request_id = wish.request_id, id = wish.device.id;
    Result<Granted> granted = edge_.engine.wish(std::move(wish));
    audit(caller, label, request_id, granted ? Result<>{} : Result<>{granted.error()});
    auto show = [response, id](DomainView const* view) {
        std::optional<v1::Device> device = view != nullptr ? device_of(*view, id) : std::nullopt;
        if (device) *response->mutable_device() = *std::move(device);
        else response->clear_device();
    };
    if (!granted || granted->operation.empty()) {
        return answer(context, granted ? Result<>{} : Result<>{std::move(granted).error()}, label, [&] {
            response->mutable_operation()->set_done(true);
            show(granted->view.get());
        });
    }
    auto fill = [this, response, show](Operation const& operation) {
        *response->mutable_operation() = to_message(operation);
        show(edge_.engine.view(operation.target_uid).get());
    };
    return new WaitingCall{
        edge_.engine,
        {.operation = granted->operation, .label = label, .wait = wait, .cancels = true, .fails = true, .fill = fill}};
}

DevicesService::Unary* DevicesService::AttachDevice(Context* context, v1::AttachDeviceRequest const* request,
                                                    v1::DeviceOperation* response) {
    auto more = [&](Wish& wish) -> Result<> {
        wish.device = TRY(from_message(request->device(), "device"));
        return {};
    };
    return mutate(edge_, context, {Action::attach, "Devices/AttachDevice", "attach device to"}, *request, more,
                  [&](Wish wish, auto const& label, auto wait, auto const& caller) {
                      return grant(context, std::move(wish), label, wait, caller, response);
                  });
}

DevicesService::Unary* DevicesService::DetachDevice(Context* context, v1::DetachDeviceRequest const* request,
                                                    v1::DeviceOperation* response) {
    auto more = [&](Wish& wish) -> Result<> {
        wish.device.id = request->device_id();
        return take_grace(wish, *request);
    };
    return mutate(edge_, context, {Action::detach, "Devices/DetachDevice", "detach device from"}, *request, more,
                  [&](Wish wish, auto const& label, auto wait, auto const& caller) {
                      return grant(context, std::move(wish), label, wait, caller, response);
                  });
}
}  // namespace paravane

// SPDX-License-Identifier: MIT
// The service Devices: what devices domains have, how they are, and that they come and go.
#pragma once
#include <paravane/v1/devices.grpc.pb.h>

#include "daemon/service_calls.hpp"

namespace paravane {
class DevicesService final : public v1::Devices::CallbackService {
public:
    DevicesService(Engine& engine, Peers const& peers) : edge_{engine, peers} {}

    using Context = grpc::CallbackServerContext;
    using Unary = grpc::ServerUnaryReactor;

    Unary* GetDevice(Context*, v1::GetDeviceRequest const*, v1::Device*) override;
    Unary* ListDevices(Context*, v1::ListDevicesRequest const*, v1::ListDevicesResponse*) override;
    Unary* AttachDevice(Context*, v1::AttachDeviceRequest const*, v1::DeviceOperation*) override;
    Unary* DetachDevice(Context*, v1::DetachDeviceRequest const*, v1::DeviceOperation*) override;

private:
    Unary* grant(Context* context, Wish wish, std::string const& label, std::chrono::nanoseconds wait,
                 Caller const& caller, v1::DeviceOperation* response);

    Edge edge_;
};
}  // namespace paravane

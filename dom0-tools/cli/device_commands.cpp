// SPDX-License-Identifier: MIT
// Devices of a domain.
#include <paravane/v1/devices.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/field.hpp"
#include "cli/mutation.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
ExitCode finish_device(Session& session, grpc::Status const& status, v1::DeviceOperation const& answer,
                       std::string const& what, std::string const& done, v1::Mutation const& mutation) {
    ExitCode const code = judge(session, status, answer.operation(), what, mutation);
    if (code != ExitCode::success) return code;
    std::string const id = printable(session.argument(1));
    bool const only_name = session.output().format() == Format::name;
    session.print(answer,
                  only_name ? id + "\n" : (mutation.validate_only() ? "would be " : "") + done + " " + id + "\n");
    return ExitCode::success;
}
}  // namespace

ExitCode run_list_devices(Session& session) {
    std::string const what = "device list " + session.argument(0);
    v1::ListDevicesRequest request;
    grpc::Status status = session.name_domain(request, session.argument(0));
    v1::ListDevicesResponse response;
    if (status.ok())
        status = session.call(*session.service<v1::Devices>(), &v1::Devices::Stub::ListDevices, request, response);
    if (!status.ok()) return session.fail(status, what);
    std::vector<Row> rows{device_header()};
    std::string ids;
    for (v1::Device const& device : response.devices()) {
        rows.push_back(device_row(device));
        ids += printable(device.spec().id()) + "\n";
    }
    session.print(response, session.output().format() == Format::name ? ids : table(rows));
    return ExitCode::success;
}

ExitCode run_attach_device(Session& session) {
    std::string const what = "device attach " + session.argument(0) + " " + session.argument(1);
    v1::AttachDeviceRequest request;
    request.mutable_device()->set_id(session.argument(1));
    for (std::string const& setting : session.line().words("set")) {
        std::size_t const at = setting.find('=');
        Result<> const set = set_by_path(*request.mutable_device(), std::string_view{setting}.substr(0, at),
                                         std::string_view{setting}.substr(at + 1), {});
        if (!set) return session.refuse(set.error(), what + ": --set " + setting);
    }
    *request.mutable_mutation() = make_mutation(session.line());
    v1::DeviceOperation answer;
    grpc::Status status = session.name_domain(request, session.argument(0));
    if (status.ok()) {
        Progress progress{session, what, request.mutation()};
        status =
            session.call(*session.service<v1::Devices>(), &v1::Devices::Stub::AttachDevice, request, answer, false);
    }
    return finish_device(session, status, answer, what, "attached", request.mutation());
}

ExitCode run_detach_device(Session& session) {
    std::string const what = "device detach " + session.argument(0) + " " + session.argument(1);
    v1::DetachDeviceRequest request;
    request.set_device_id(session.argument(1));
    request.set_force(session.line().has("force"));
    *request.mutable_mutation() = make_mutation(session.line());
    v1::DeviceOperation answer;
    grpc::Status status = session.name_domain(request, session.argument(0));
    if (status.ok()) {
        Progress progress{session, what, request.mutation()};
        status =
            session.call(*session.service<v1::Devices>(), &v1::Devices::Stub::DetachDevice, request, answer, false);
    }
    return finish_device(session, status, answer, what, "detached", request.mutation());
}
}  // namespace paravane

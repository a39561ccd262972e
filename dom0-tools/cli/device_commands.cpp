// SPDX-License-Identifier: MIT
// Devices of a domain.
#include <paravane/v1/devices.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/field.hpp"
#include "cli/mutation.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
// Attaches or detaches the device that is named on the command line.
template <class Request>
ExitCode change_device(Session& session, char const* verb, char const* done,
                       Method<v1::Devices::Stub, Request, v1::DeviceOperation> method, Request& request,
                       std::chrono::seconds slack = {}) {
    std::string const& id = session.argument(1);
    std::string const what = std::string{"device "} + verb + " " + session.argument(0) + " " + id;
    *request.mutable_mutation() = make_mutation(session.line());
    v1::DeviceOperation answer;
    ExitCode const code = change_named(session, what, session.argument(0), method, request, answer, slack);
    if (code != ExitCode::success) return code;
    std::string text = printable(id) + "\n";
    bool const only_name = session.output().format() == Format::name;
    if (!only_name) text = std::string{request.mutation().validate_only() ? "would be " : ""} + done + " " + text;
    session.print(answer, text);
    return ExitCode::success;
}
}  // namespace

ExitCode run_list_devices(Session& session) {
    std::string const what = "device list " + session.argument(0);
    v1::ListDevicesRequest request;
    grpc::Status const named = session.name_domain(request, session.argument(0));
    if (!named.ok()) return session.fail(named, what);
    return session.ask(what, &v1::Devices::Stub::ListDevices, request, [&](v1::ListDevicesResponse const& response) {
        std::vector<Row> rows{device_header()};
        std::string ids;
        for (v1::Device const& device : response.devices()) {
            rows.push_back(device_row(device));
            ids += printable(device.spec().id()) + "\n";
        }
        return session.output().format() == Format::name ? ids : table(rows);
    });
}

ExitCode run_attach_device(Session& session) {
    v1::AttachDeviceRequest request;
    request.mutable_device()->set_id(session.argument(1));
    for (std::string const& setting : session.line().words("set")) {
        std::size_t const at = setting.find('=');
        Result<> const set = set_by_path(*request.mutable_device(), std::string_view{setting}.substr(0, at),
                                         std::string_view{setting}.substr(at + 1), {});
        if (!set) return session.refuse(set.error(), "device attach: --set " + setting);
    }
    return change_device(session, "attach", "attached", &v1::Devices::Stub::AttachDevice, request);
}

ExitCode run_detach_device(Session& session) {
    v1::DetachDeviceRequest request;
    request.set_device_id(session.argument(1));
    set_grace(session.line(), request);
    return change_device(session, "detach", "detached", &v1::Devices::Stub::DetachDevice, request,
                         slack_of(session.line()));
}
}  // namespace paravane

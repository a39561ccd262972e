// SPDX-License-Identifier: MIT
// info, and xenstore's nodes.
#include <paravane/v1/host.grpc.pb.h>
#include <paravane/v1/store.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/mutation.hpp"
#include "cli/render.hpp"

namespace paravane {
ExitCode run_info(Session& session) {
    if (!session.line().arguments.empty()) return run_describe(session);
    v1::HostInfo host;
    grpc::Status const status =
        session.call(*session.service<v1::Host>(), &v1::Host::Stub::GetHost, v1::GetHostRequest{}, host);
    if (!status.ok()) return session.fail(status, "info");
    session.print(host, render_host(host));
    return ExitCode::success;
}

ExitCode run_read_node(Session& session) {
    v1::ReadNodeRequest request;
    request.set_path(session.argument(0));
    v1::ReadNodeResponse response;
    grpc::Status const status =
        session.call(*session.service<v1::Store>(), &v1::Store::Stub::ReadNode, request, response);
    if (!status.ok()) return session.fail(status, "store read " + request.path());
    // A value is bytes: as they are, but not on a terminal.
    std::string const text = session.output().is_terminal() ? printable(response.value(), true) : response.value();
    session.print(response, text + "\n");
    return ExitCode::success;
}

ExitCode run_list_nodes(Session& session) {
    v1::ListNodesRequest request;
    request.set_path(session.line().arguments.empty() ? "/" : session.argument(0));
    v1::ListNodesResponse response;
    grpc::Status const status =
        session.call(*session.service<v1::Store>(), &v1::Store::Stub::ListNodes, request, response);
    if (!status.ok()) return session.fail(status, "store list " + request.path());
    std::string text;
    for (std::string const& name : response.names()) text += printable(name) + "\n";
    session.print(response, text);
    return ExitCode::success;
}

ExitCode run_write_node(Session& session) {
    v1::WriteNodeRequest request;
    request.set_path(session.argument(0));
    request.set_value(session.argument(1));
    request.set_request_id(random_uuid());
    v1::WriteNodeResponse response;
    grpc::Status const status =
        session.call(*session.service<v1::Store>(), &v1::Store::Stub::WriteNode, request, response);
    if (!status.ok()) return session.fail(status, "store write " + request.path());
    session.print(response, "");
    return ExitCode::success;
}

ExitCode run_remove_node(Session& session) {
    v1::RemoveNodeRequest request;
    request.set_path(session.argument(0));
    request.set_request_id(random_uuid());
    v1::RemoveNodeResponse response;
    grpc::Status const status =
        session.call(*session.service<v1::Store>(), &v1::Store::Stub::RemoveNode, request, response);
    if (!status.ok()) return session.fail(status, "store remove " + request.path());
    session.print(response, "");
    return ExitCode::success;
}
}  // namespace paravane

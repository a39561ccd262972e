// SPDX-License-Identifier: MIT
// info, and xenstore's nodes.
#include <paravane/v1/host.grpc.pb.h>
#include <paravane/v1/store.grpc.pb.h>

#include "cli/actions.hpp"
#include "cli/mutation.hpp"
#include "cli/render.hpp"

namespace paravane {
namespace {
constexpr auto no_text = [](auto const&) { return std::string{}; };
}  // namespace

ExitCode run_info(Session& session) {
    if (!session.line().arguments.empty()) return run_describe(session);
    return session.ask("info", &v1::Host::Stub::GetHost, v1::GetHostRequest{}, render_host);
}

ExitCode run_read_node(Session& session) {
    v1::ReadNodeRequest request;
    request.set_path(session.argument(0));
    return session.ask("store read " + request.path(), &v1::Store::Stub::ReadNode, request, [&](auto const& response) {
        // A value is bytes: as they are, but not on a terminal.
        return (session.output().is_terminal() ? printable(response.value(), true) : response.value()) + "\n";
    });
}

ExitCode run_list_nodes(Session& session) {
    v1::ListNodesRequest request;
    request.set_path(session.line().arguments.empty() ? "/" : session.argument(0));
    return session.ask("store list " + request.path(), &v1::Store::Stub::ListNodes, request, [](auto const& response) {
        std::string text;
        for (std::string const& name : response.names()) text += printable(name) + "\n";
        return text;
    });
}

ExitCode run_write_node(Session& session) {
    v1::WriteNodeRequest request;
    request.set_path(session.argument(0));
    request.set_value(session.argument(1));
    request.set_request_id(random_uuid());
    return session.ask("store write " + request.path(), &v1::Store::Stub::WriteNode, request, no_text);
}

ExitCode run_remove_node(Session& session) {
    v1::RemoveNodeRequest request;
    request.set_path(session.argument(0));
    request.set_request_id(random_uuid());
    return session.ask("store remove " + request.path(), &v1::Store::Stub::RemoveNode, request, no_text);
}
}  // namespace paravane
